"""Self-contained HTML pages with players and figures.

| file | holds |
|---|---|
| html_page.py, page.css | a page, its tables, players and images |
| listening.py, listen.js | players, and the comparison of sounds at one level |
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
    CURVES,
    curve_color,
    draw_confusion,
    draw_distances,
    draw_levels,
    draw_loss,
    draw_onsets,
    draw_places,
    draw_training,
    draw_weights,
    encode_png,
    encode_svg,
    new_figure,
)
from audio_texture.report.gallery import GalleryPair, draw_gallery
from audio_texture.report.html_page import (
    Section,
    Sound,
    embed_figure,
    embed_figures,
    embed_player,
    embed_png,
    format_config,
    format_number,
    format_table,
    render_page,
)
from audio_texture.report.listening import (
    embed_players,
    embed_whole_file,
    level_offsets,
    name_apart,
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
from audio_texture.report.verdicts import Judged, describe_scale, verdict_section

__all__ = [
    # Pages of the programs.
    "render_texture_page",
    "render_transfer_page",
    "render_training_page",
    "render_sweep_page",
    # A page and its parts.
    "render_page",
    "format_table",
    "format_number",
    "format_config",
    "embed_player",
    "embed_players",
    "embed_whole_file",
    "level_offsets",
    "name_apart",
    "embed_figure",
    "embed_figures",
    "embed_spectrograms",
    "comparison_section",
    "compute_levels",
    "compute_onsets",
    "embed_png",
    "verdict_section",
    "describe_scale",
    "Judged",
    "Section",
    "Sound",
    # Figures; Matplotlib is imported when the first one is drawn.
    "new_figure",
    "encode_png",
    "encode_svg",
    "CURVES",
    "curve_color",
    "draw_spectrograms",
    "draw_gallery",
    "GalleryPair",
    "write_picture",
    "draw_loss",
    "draw_onsets",
    "draw_distances",
    "draw_weights",
    "draw_levels",
    "draw_places",
    "draw_training",
    "draw_confusion",
]
