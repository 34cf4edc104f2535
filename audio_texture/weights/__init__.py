"""Weights of networks on disk: files of this project, and VGG-19 from files that users have."""

from audio_texture.weights.network_file import load, read_notes, save

__all__ = ["load", "read_notes", "save"]
