"""Self-contained HTML pages with players and figures.

| file | holds |
|---|---|
| html_page.py, page.css | a page, its tables, players and images |
| figures.py, spectrograms.py | the figures |
| comparison.py | levels and onsets of sounds over each other |
| verdicts.py | the section of verdicts |
| transfer_measures.py | verdicts and measures of transfers |
| run_pages.py | pages of launch.texture, launch.transfer and launch.train |
| sweep_page.py, sweep.js, sweep.css | the page of launch.sweep |
| gallery.py | a picture of textures beside their recordings |
"""

from audio_texture.report.comparison import comparison_section, compute_levels, compute_onsets
from audio_texture.report.figures import (
    draw_confusion,
    draw_levels,
    draw_likeness,
    draw_loss,
    draw_onsets,
    draw_training,
    encode_png,
    new_figure,
)
from audio_texture.report.gallery import GalleryPair, draw_gallery
from audio_texture.report.html_page import (
    Section,
    Sound,
    embed_figure,
    embed_figures,
    embed_player,
    embed_players,
    embed_png,
    format_config,
    format_table,
    render_page,
)
from audio_texture.report.run_pages import (
    render_texture_page,
    render_training_page,
    render_transfer_page,
)
from audio_texture.report.spectrograms import (
    draw_spectrograms,
    embed_spectrograms,
    write_picture,
)
from audio_texture.report.sweep_page import render_sweep_page
from audio_texture.report.verdicts import Judged, verdict_section

__all__ = [
    # Pages of the programs.
    "render_texture_page",
    "render_transfer_page",
    "render_training_page",
    "render_sweep_page",
    # A page and its parts.
    "render_page",
    "format_table",
    "format_config",
    "embed_player",
    "embed_players",
    "embed_figure",
    "embed_figures",
    "embed_spectrograms",
    "comparison_section",
    "compute_levels",
    "compute_onsets",
    "embed_png",
    "verdict_section",
    "Judged",
    "Section",
    "Sound",
    # Figures; Matplotlib is imported when the first one is drawn.
    "new_figure",
    "encode_png",
    "draw_spectrograms",
    "draw_gallery",
    "GalleryPair",
    "write_picture",
    "draw_loss",
    "draw_onsets",
    "draw_likeness",
    "draw_levels",
    "draw_training",
    "draw_confusion",
]
