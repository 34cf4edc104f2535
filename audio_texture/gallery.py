"""The page of many runs: a table to sort, sounds and spectrograms loaded on demand from the folders beside it, pictures of measures.

The page holds the numbers; what is heard and seen lies in the folder of each run, so that a thousand runs open at once.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from audio_texture import report

STYLE = """
<style>
#player { position: sticky; bottom: 0; background: Canvas; padding: .5rem 0; border-top: 1px solid #8884; display: flex; gap: 1rem; align-items: center; }
#player audio { flex: 1; } .scroll { overflow: auto; max-height: 32rem; } th button { font: inherit; background: none; border: none; cursor: pointer; font-weight: bold; }
.scroll th { position: sticky; top: 0; background: Canvas; } td.error { color: #b33; text-align: left; } td { white-space: nowrap; }
#pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .6rem; max-height: 40rem; overflow: auto; }
#pictures button { border: none; background: none; padding: 0; font: .75rem/1.3 system-ui; color: inherit; cursor: pointer; text-align: left; min-width: 0; overflow-wrap: anywhere; }
#pictures img { width: 100%; height: 5rem; object-fit: fill; display: block; } button.playing, tr.playing { outline: 2px solid #48f; }
#chart svg { max-width: 100%; height: auto; font: 11px system-ui; } #chart text { fill: currentColor; } select { font: inherit; margin-right: 1rem; }
</style>
"""

# Means over whatever else was swept; a curve for one parameter, a heat map for two.
SCRIPT = """
const {rows, columns, swept, measures} = JSON.parse(document.getElementById('data').textContent);
const number = value => typeof value === 'number' ? value : value === '' || value == null || !isFinite(value) ? NaN : Number(value);
const numeric = Object.fromEntries(columns.map(name => [name, rows.every(row => row[name] == null || !isNaN(number(row[name])))]));
const compare = (name, a, b) => numeric[name] ? number(a) - number(b) : String(a).localeCompare(String(b));
const shown = value => value == null ? '' : typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(4) : String(value);
const make = (tag, parent, text) => { const one = parent.appendChild(document.createElement(tag)); if (text !== undefined) one.textContent = text; return one; };
const path = (row, file) => encodeURI(row.run) + '/' + encodeURI(file);
// Paths without the folders that all of them share.
const shared = Object.fromEntries(swept.map(name => {
  const folders = rows.map(row => String(row[name] ?? '').split('/').slice(0, -1));
  let length = 0;
  while (folders.length && folders.every(one => length < one.length && one[length] === folders[0][length])) length += 1;
  return [name, length];
}));
const brief = (name, value) => name in shared ? String(value ?? '').split('/').slice(shared[name]).join('/') : shown(value);
const told = row => swept.map(name => name + ' ' + brief(name, row[name])).join(', ');

function play(row, element) {
  const audio = document.querySelector('#player audio');
  document.querySelectorAll('.playing').forEach(one => one.classList.remove('playing'));
  element.classList.add('playing');
  document.querySelector('#player span').textContent = told(row);
  audio.src = path(row, row.sound);
  audio.play().catch(() => {});
}

let order = {name: 'run', up: true};
function table() {
  const body = document.querySelector('#runs tbody'), sign = order.up ? 1 : -1;
  const empty = row => row[order.name] == null || row[order.name] === '';
  // Runs without a value come last, whichever way the others stand.
  const sorted = [...rows].sort((a, b) => empty(a) - empty(b) || sign * compare(order.name, a[order.name], b[order.name]));
  body.replaceChildren();
  for (const row of sorted) {
    const line = make('tr', body), first = make('td', line);
    if (row.sound) make('button', first, '\\u25b6').onclick = () => play(row, line);
    for (const name of columns) make('td', line, brief(name, row[name])).className = name;
  }
}
for (const name of columns) {
  const head = make('th', document.querySelector('#runs thead tr'));
  make('button', head, name).onclick = () => { order = {name, up: order.name === name ? !order.up : true}; table(); };
}
table();

for (const row of rows.filter(row => row.sound)) {
  const cell = make('button', document.getElementById('pictures')), image = make('img', cell);
  image.loading = 'lazy'; image.alt = ''; image.src = path(row, 'spectrogram.png');
  make('span', cell, told(row));
  cell.onclick = () => play(row, cell);
}

const [measure, across, down] = ['measure', 'across', 'down'].map(id => document.getElementById(id));
for (const name of measures) make('option', measure, name);
for (const name of swept) { make('option', across, name); make('option', down, name); }
const values = name => [...new Set(rows.map(row => row[name]))].sort((a, b) => compare(name, a, b));
function mean(chosen) {
  const found = rows.filter(chosen).map(row => number(row[measure.value])).filter(value => !isNaN(value));
  return {mean: found.reduce((a, b) => a + b, 0) / found.length, low: Math.min(...found), high: Math.max(...found), count: found.length};
}
function draw() {
  const chart = document.getElementById('chart'), pair = down.value && down.value !== across.value;
  const xs = values(across.value), ys = pair ? values(down.value) : [];
  const svg = (tag, parent, attributes, text) => {
    const one = parent.appendChild(document.createElementNS('http://www.w3.org/2000/svg', tag));
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    if (text !== undefined) one.textContent = text;
    return one;
  };
  chart.replaceChildren();
  const longest = name => 7 * Math.max(...values(name).map(value => brief(name, value).length));
  const label = longest(across.value) + 10, step = Math.max(14, Math.min(Math.max(60, label), 800 / xs.length)), few = Math.ceil(label / step);
  const left = pair ? longest(down.value) + 7 * down.value.length + 20 : 80, width = left + step * xs.length + label / 2, tall = pair ? 26 * ys.length : 220;
  const root = svg('svg', chart, {viewBox: `0 0 ${width} ${tall + 60}`, width, role: 'img'});
  const cells = (pair ? ys : [null]).map(y => xs.map(x => mean(row => row[across.value] === x && (!pair || row[down.value] === y))));
  const every = cells.flat().filter(cell => cell.count), low = Math.min(...every.map(cell => pair ? cell.mean : cell.low)), high = Math.max(...every.map(cell => pair ? cell.mean : cell.high));
  const share = value => high > low ? (value - low) / (high - low) : 0.5;
  xs.forEach((x, i) => i % few || svg('text', root, {x: left + step * (i + 0.5), y: tall + 18, 'text-anchor': 'middle'}, brief(across.value, x)));
  svg('text', root, {x: left + step * xs.length / 2, y: tall + 42, 'text-anchor': 'middle'}, across.value);
  if (pair) {
    ys.forEach((y, j) => svg('text', root, {x: left - 8, y: 26 * j + 18, 'text-anchor': 'end'}, `${down.value} ${brief(down.value, y)}`));
    cells.forEach((line, j) => line.forEach((cell, i) => {
      if (!cell.count) return;
      const at = share(cell.mean), box = svg('rect', root, {x: left + step * i, y: 26 * j, width: step - 1, height: 25, fill: `hsl(${260 - 200 * at} 70% ${25 + 45 * at}%)`});
      svg('title', box, {}, `${across.value} ${xs[i]}, ${down.value} ${ys[j]}: ${shown(cell.mean)} (${cell.count} runs)`);
      if (step > 40) svg('text', root, {x: left + step * (i + 0.5), y: 26 * j + 17, 'text-anchor': 'middle', style: `fill: ${at > 0.6 ? '#000' : '#fff'}; pointer-events: none`}, shown(cell.mean));
    }));
    return;
  }
  const height = value => tall - 10 - (tall - 20) * share(value), place = i => left + step * (i + 0.5);
  for (const value of [low, (low + high) / 2, high]) svg('text', root, {x: left - 8, y: height(value) + 4, 'text-anchor': 'end'}, shown(value));
  cells[0].forEach((cell, i) => {
    if (!cell.count) return;
    svg('line', root, {x1: place(i), x2: place(i), y1: height(cell.low), y2: height(cell.high), stroke: '#48f6', 'stroke-width': 5});
    svg('title', svg('circle', root, {cx: place(i), cy: height(cell.mean), r: 4, fill: '#48f'}), {}, `${xs[i]}: ${shown(cell.mean)}, ${shown(cell.low)} to ${shown(cell.high)} (${cell.count} runs)`);
  });
  const points = cells[0].map((cell, i) => cell.count ? `${place(i)},${height(cell.mean)}` : '').filter(Boolean).join(' ');
  svg('polyline', root, {points, fill: 'none', stroke: '#48f'});
}
[measure, across, down].forEach(one => one.onchange = draw);
if (swept.length > 1) down.value = swept[1];
if (measures.length) draw();
"""


def page(rows: Sequence[Mapping[str, Any]], *, swept: Sequence[str], planned: int) -> str:
    """A whole HTML document that needs nothing but the folders beside it.

    Args:
      rows: a run each: "run", its folder's name; the swept values; measures; "sound", its file, where there is one; "error" where
        it failed.
      swept: names of the swept parameters.
      planned: how many runs there are to be.
    """
    columns = list(
        dict.fromkeys(
            [
                "run",
                *swept,
                *(name for row in rows for name in row if name not in ("sound", "error")),
            ]
        )
    )
    if any("error" in row for row in rows):
        columns.append("error")
    known = {"run", "error", *swept}
    measures = [
        name
        for name in columns
        if name not in known and all(isinstance(row.get(name, 0.0), (int, float)) for row in rows)
    ]
    # JSON has no NaN, and "</" would end the element that holds it.
    finite = [
        {
            name: None if value != value or value in (float("inf"), float("-inf")) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    data = json.dumps(
        {"rows": finite, "columns": columns, "swept": list(swept), "measures": measures}
    ).replace("</", "<\\/")
    failed = sum("error" in row for row in rows)
    choices = '<label>measure <select id="measure"></select></label><label>over <select id="across"></select></label><label>and <select id="down"><option value="">nothing else</option></select></label>'
    sections = [
        (
            "Measures over parameters",
            f'<p>{choices}</p><div id="chart"></div><p>Means over all else that was swept; a curve also shows the lowest and the highest.</p>',
        ),
        (
            "Runs",
            '<div class="scroll"><table id="runs"><thead><tr><th></th></tr></thead><tbody></tbody></table></div>',
        ),
        ("Spectrograms", '<div id="pictures"></div>'),
    ]
    content = report.page(
        "Sweep",
        f"{len(rows)} of {planned} runs{f', {failed} failed' if failed else ''}, over {', '.join(swept)}",
        sections,
    )
    player = '<div id="player"><span>Choose a run to hear it.</span><audio controls preload="none"></audio></div>'
    return content.replace(
        "</body>",
        f'{STYLE}{player}<script type="application/json" id="data">{data}</script>\n<script>{SCRIPT}</script>\n</body>',
    )
