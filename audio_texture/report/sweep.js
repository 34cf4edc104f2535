// The page of a sweep: a table to sort, a player, spectrograms, and a chart of any measure.
const {
  rows, columns, swept, measures, losses, unlike, meanings, better, references,
} = JSON.parse(document.getElementById('data').textContent);

// ---- values

function number(value) {
  if (typeof value === 'number') return value;
  return value === '' || value == null || !isFinite(value) ? NaN : Number(value);
}

const isNumeric = Object.fromEntries(columns.map(name =>
  [name, rows.every(row => row[name] == null || !isNaN(number(row[name])))]));

function compare(name, a, b) {
  return isNumeric[name] ? number(a) - number(b) : String(a).localeCompare(String(b));
}

// As the tables of other pages: three significant digits, no exponent, and 0 for what rounds to it.
function format(value) {
  if (value == null) return '';
  if (typeof value !== 'number' || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size < 5e-5) return '0';
  if (size >= 100) return value.toFixed(0);
  const exponent = Number(value.toExponential(2).split('e')[1]);
  return value.toFixed(Math.max(0, 2 - exponent));
}

// Flags whose values are paths.
const fileFlags = new Set(['input', 'content', 'style', 'weights_file', 'start_generator']);

// How many leading folders the paths of a swept parameter share; they are not shown.
const sharedFolders = Object.fromEntries(swept.map(name => {
  const folders = rows.map(row => String(row[name] ?? '').split('/').slice(0, -1));
  const isShared = i => folders.every(path => i < path.length && path[i] === folders[0][i]);
  let length = 0;
  while (folders.length && isShared(length)) length += 1;
  return [name, fileFlags.has(name) ? length : 0];
}));

function formatBrief(name, value) {
  if (!(name in sharedFolders)) return format(value);
  return String(value ?? '').split('/').slice(sharedFolders[name]).join('/');
}

function describeRun(row) {
  return swept.map(name => name + ' ' + formatBrief(name, row[name])).join(', ');
}

// The files of a run lie in its folder, those of references beside the page.
function pathOf(row, file) {
  return encodeURI(row.run) + '/' + encodeURI(file);
}

function referencesOf(row) {
  return (row.references ?? []).map(key => references[key]).filter(Boolean);
}

// ---- elements

function append(tag, parent, text) {
  const element = parent.appendChild(document.createElement(tag));
  if (text !== undefined) element.textContent = text;
  return element;
}

function appendSvg(tag, parent, attributes, text) {
  const namespace = 'http://www.w3.org/2000/svg';
  const element = parent.appendChild(document.createElementNS(namespace, tag));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// ---- player: a run, and the references that it was made from

function play(path, title, element) {
  const audio = document.querySelector('#player audio');
  document.querySelectorAll('.playing').forEach(other => other.classList.remove('playing'));
  element.classList.add('playing');
  document.getElementById('playing').textContent = title;
  audio.src = path;
  audio.play().catch(() => {});
}

function playRun(row, element) {
  const choices = document.getElementById('choices');
  choices.replaceChildren();
  const entries = [
    { title: 'this run', path: pathOf(row, row.sound), name: describeRun(row) },
    ...referencesOf(row).map(reference => ({
      title: reference.title,
      path: encodeURI(reference.sound),
      name: reference.title,
    })),
  ];
  for (const entry of entries.length > 1 ? entries : []) {
    const button = append('button', choices, entry.title);
    button.onclick = () => {
      play(entry.path, entry.name, element);
      button.classList.add('playing');
    };
  }
  play(entries[0].path, entries[0].name, element);
  choices.firstChild?.classList.add('playing');
}

function playReference(reference, element) {
  document.getElementById('choices').replaceChildren();
  play(encodeURI(reference.sound), reference.title, element);
}

// ---- tables: of runs, and of the means of each recipe

function classOf(name) {
  return isNumeric[name] ? 'number' : name;
}

// A small spectrogram that plays its run.
function appendThumbnail(row, cell, line) {
  const button = append('button', cell);
  button.className = 'thumbnail';
  button.title = describeRun(row);
  const image = append('img', button);
  image.loading = 'lazy';
  image.alt = 'play ' + describeRun(row);
  image.src = pathOf(row, 'spectrogram.png');
  append('span', button, '\u25b6');
  button.onclick = () => playRun(row, line);
}

function fillCell(cell, name, value) {
  cell.className = classOf(name);
  if (name !== 'command' || value == null) {
    cell.textContent = formatBrief(name, value);
    return;
  }
  const details = append('details', cell);
  append('summary', details, 'command');
  append('code', details, value);
}

// Fills a table whose heads sort it. runsOf: the runs that a row of it plays. sortedBy: a name.
function makeTable(id, names, entries, runsOf, sortedBy) {
  const table = document.getElementById(id);
  let order = { name: sortedBy, ascending: true };
  function draw() {
    const body = table.querySelector('tbody');
    const sign = order.ascending ? 1 : -1;
    const isEmpty = row => row[order.name] == null || row[order.name] === '';
    // Rows without a value come last in both orders.
    const sorted = [...entries].sort((a, b) =>
      isEmpty(a) - isEmpty(b) || sign * compare(order.name, a[order.name], b[order.name]));
    body.replaceChildren();
    for (const entry of sorted) {
      const line = append('tr', body);
      const first = append('td', line);
      first.className = 'thumbnails';
      for (const row of runsOf(entry)) appendThumbnail(row, first, line);
      for (const name of names) fillCell(append('td', line), name, entry[name]);
    }
  }
  const heads = table.querySelector('thead tr');
  heads.replaceChildren();
  append('th', heads);
  for (const name of names) {
    const head = append('th', heads);
    head.className = classOf(name);
    const button = append('button', head, name);
    button.title = meanings[name] ?? '';
    button.onclick = () => {
      order = { name, ascending: order.name === name ? !order.ascending : true };
      draw();
    };
  }
  draw();
}

makeTable('runs', columns, rows, row => row.sound ? [row] : [], 'run');

function meanOf(values) {
  const numbers = values.map(number).filter(value => !isNaN(value));
  return numbers.length ? numbers.reduce((a, b) => a + b, 0) / numbers.length : null;
}

// The middle one: the first run of a recipe costs more, as it compiles.
function medianOf(values) {
  const numbers = values.map(number).filter(value => !isNaN(value)).sort((a, b) => a - b);
  return numbers.length ? numbers[Math.floor(numbers.length / 2)] : null;
}

// The means of each recipe over all else that was swept; of costs the medians.
if (document.getElementById('means')) {
  // What a reader compares first stands where no table has to be scrolled.
  const first = ['likeness', 'subbands', 'copied', 'followed', 'spent_seconds', 'spent_megabytes']
    .filter(name => measures.includes(name));
  const others = measures.filter(name => !losses.includes(name) && !first.includes(name));
  const averaged = [...first, ...others];
  const names = [...new Set(rows.map(row => row.recipe))];
  const entries = names.map(recipe => {
    const own = rows.filter(row => row.recipe === recipe);
    const means = averaged.map(name => {
      const summary = name.startsWith('spent_') ? medianOf : meanOf;
      return [name, summary(own.map(row => row[name]))];
    });
    const size = own.map(row => row.size).find(Boolean) ?? '';
    return { recipe, ...Object.fromEntries(means), size, runs: own.filter(row => row.sound) };
  });
  const size = columns.includes('size') ? ['size'] : [];
  const shown = ['recipe', ...first, ...size, ...others];
  makeTable('means', shown, entries, entry => entry.runs, shown[1] ?? 'recipe');
}

for (const [name, meaning] of Object.entries(meanings)) {
  append('dt', document.getElementById('meanings'), name);
  append('dd', document.getElementById('meanings'), meaning);
}

// ---- spectrograms

function appendPicture(path, title, onclick) {
  const cell = append('button', document.getElementById('pictures'));
  const image = append('img', cell);
  image.loading = 'lazy';
  image.alt = '';
  image.src = path;
  append('span', cell, title);
  cell.onclick = () => onclick(cell);
  return cell;
}

// Each reference stands before the first run that was made from it.
const shown = new Set();
for (const row of rows.filter(row => row.sound)) {
  for (const reference of referencesOf(row).filter(reference => !shown.has(reference))) {
    shown.add(reference);
    const cell = appendPicture(
      encodeURI(reference.picture), reference.title, cell => playReference(reference, cell));
    cell.classList.add('reference');
  }
  const path = pathOf(row, 'spectrogram.png');
  appendPicture(path, describeRun(row), cell => playRun(row, cell));
}

// ---- chart: a curve over one parameter, a heat map over two; means over all other parameters

const [measure, across, down] =
  ['measure', 'across', 'down'].map(id => document.getElementById(id));
const groups = [
  ['likeness, quality, cost', measures.filter(name => !losses.includes(name))],
  ['losses', losses],
];
for (const [label, names] of groups.filter(([, names]) => names.length)) {
  const group = append('optgroup', measure);
  group.label = label;
  for (const name of names) append('option', group, name).title = meanings[name] ?? '';
}
// The first measure of the sound; a loss only where no sound was judged.
measure.value = measures[0] ?? '';
for (const name of swept) {
  append('option', across, name);
  append('option', down, name);
}

function valuesOf(name) {
  return [...new Set(rows.map(row => row[name]))].sort((a, b) => compare(name, a, b));
}

function summarise(isChosen) {
  const numbers = rows.filter(isChosen).map(row => number(row[measure.value]));
  const values = numbers.filter(value => !isNaN(value));
  return {
    mean: values.reduce((a, b) => a + b, 0) / values.length,
    low: Math.min(...values),
    high: Math.max(...values),
    count: values.length,
  };
}

// ---- which way is better

const WORDS = { lower: 'lower is better', higher: 'higher is better', 'near 0': 'near 0 is better' };

// A number that grows with how good a value of the chosen measure is; with the value itself where
// none is better.
function goodness(value) {
  const kind = better[measure.value];
  if (kind === 'near 0') return -Math.abs(value);
  return kind === 'lower' ? -value : value;
}

// Whether the chosen measure is a loss, and the runs' losses are not the same quantity.
function isUnlike() {
  return losses.includes(measure.value) && unlike.length > 0;
}

function describeMeasure() {
  const name = measure.value;
  const direction = WORDS[better[name]] ?? 'no value is better than another';
  document.getElementById('direction').textContent =
    `${name}: ${direction}` + (meanings[name] ? ` (${meanings[name]})` : '');
  const isJudged = !losses.includes(measures[0]);
  document.getElementById('warning').textContent = !isUnlike() ? '' :
    `Each run has a loss of its own: it cannot be compared between runs that differ in ` +
    `${unlike.join(', ')}, and the means and colours below do not say which of these is better.` +
    (isJudged ? ` Use ${measures[0]} for that.` : '');
}

// ---- drawing

// Where 0 is the lowest value of a chart and 1 the highest.
function scaleOf(cells, lowOf, highOf) {
  const filled = cells.flat().filter(cell => cell.count);
  const low = Math.min(...filled.map(lowOf));
  const high = Math.max(...filled.map(highOf));
  const share = value => high > low ? (value - low) / (high - low) : 0.5;
  return { low, high, share };
}

// Width in pixels of the longest value's text.
function textWidth(name) {
  return 7 * Math.max(...valuesOf(name).map(value => formatBrief(name, value).length));
}

function drawChart() {
  describeMeasure();
  const isMap = down.value && down.value !== across.value;
  const xs = valuesOf(across.value);
  const ys = isMap ? valuesOf(down.value) : [];
  const label = textWidth(across.value) + 10;
  const step = Math.max(14, Math.min(Math.max(60, label), 800 / xs.length));
  const every = Math.ceil(label / step);  // only each such value has room for its label in a line
  // A number can be told from those beside it, a name cannot: names take turns on several lines.
  const lines = isNumeric[across.value] ? 1 : Math.min(every, 4);
  const left = isMap ? textWidth(down.value) + 7 * down.value.length + 20 : 80;
  const width = left + step * xs.length + label / 2;
  const height = isMap ? 26 * ys.length : 220;
  const chart = document.getElementById('chart');
  chart.replaceChildren();
  const size = { viewBox: `0 0 ${width} ${height + 44 + 16 * lines}`, width, role: 'img' };
  const root = appendSvg('svg', chart, size);
  xs.forEach((x, i) => {
    if (i % every >= lines) return;
    const y = height + 18 + 16 * (i % every);
    const place = { x: left + step * (i + 0.5), y, 'text-anchor': 'middle' };
    appendSvg('text', root, place, formatBrief(across.value, x));
  });
  const middle = { x: left + step * xs.length / 2, y: height + 26 + 16 * lines, 'text-anchor': 'middle' };
  appendSvg('text', root, middle, across.value);
  if (isMap) drawMap(root, xs, ys, left, step);
  else drawCurve(root, xs, left, step, height);
}

function drawMap(root, xs, ys, left, step) {
  const cells = ys.map(y => xs.map(x =>
    summarise(row => row[across.value] === x && row[down.value] === y)));
  const { share } = scaleOf(cells, cell => goodness(cell.mean), cell => goodness(cell.mean));
  ys.forEach((y, j) => {
    const place = { x: left - 8, y: 26 * j + 18, 'text-anchor': 'end' };
    appendSvg('text', root, place, `${down.value} ${formatBrief(down.value, y)}`);
  });
  cells.forEach((line, j) => line.forEach((cell, i) => {
    if (!cell.count) return;
    const level = share(goodness(cell.mean));
    const fill = colourOf(level);
    const place = { x: left + step * i, y: 26 * j };
    const box = appendSvg('rect', root, { ...place, width: step - 1, height: 25, fill });
    const where = `${across.value} ${xs[i]}, ${down.value} ${ys[j]}`;
    appendSvg('title', box, {}, `${where}: ${format(cell.mean)} (${cell.count} runs)`);
    if (step <= 40) return;
    const style = `fill: ${level > 0.45 ? '#000' : '#fff'}; pointer-events: none`;
    const center = { x: left + step * (i + 0.5), y: 26 * j + 17, 'text-anchor': 'middle' };
    appendSvg('text', root, { ...center, style }, format(cell.mean));
  }));
  drawLegend(cells.flat().filter(cell => cell.count).map(cell => cell.mean));
}

// From dark, the worst (0), to bright, the best (1).
function colourOf(level) {
  return `hsl(${260 - 200 * level} 70% ${25 + 45 * level}%)`;
}

// The worst value, the colours, and the best value, in words.
function drawLegend(values) {
  const sorted = [...values].sort((a, b) => goodness(a) - goodness(b));
  const isRanked = better[measure.value] && !isUnlike();
  const [worst, best] = isRanked ? [' (worst)', ' (best)'] : ['', ''];
  const legend = append('p', document.getElementById('chart'));
  legend.id = 'legend';
  append('span', legend, `${format(sorted[0])}${worst}`);
  const colours = [0, 0.25, 0.5, 0.75, 1].map(colourOf).join(', ');
  append('i', legend).style.background = `linear-gradient(90deg, ${colours})`;
  append('span', legend, `${format(sorted.at(-1))}${best}`);
}

function drawCurve(root, xs, left, step, height) {
  const cells = xs.map(x => summarise(row => row[across.value] === x));
  const { low, high, share } = scaleOf(cells, cell => cell.low, cell => cell.high);
  const yOf = value => height - 10 - (height - 20) * share(value);
  const xOf = i => left + step * (i + 0.5);
  for (const value of [low, (low + high) / 2, high]) {
    const place = { x: left - 8, y: yOf(value) + 4, 'text-anchor': 'end' };
    appendSvg('text', root, place, format(value));
  }
  cells.forEach((cell, i) => {
    if (!cell.count) return;
    const ends = { x1: xOf(i), x2: xOf(i), y1: yOf(cell.low), y2: yOf(cell.high) };
    appendSvg('line', root, { ...ends, stroke: '#48f6', 'stroke-width': 5 });
    const point = { cx: xOf(i), cy: yOf(cell.mean), r: 4, fill: '#48f' };
    const range = `${format(cell.low)} to ${format(cell.high)}`;
    const text = `${xs[i]}: ${format(cell.mean)}, ${range} (${cell.count} runs)`;
    appendSvg('title', appendSvg('circle', root, point), {}, text);
  });
  const points = cells.map((cell, i) => cell.count ? `${xOf(i)},${yOf(cell.mean)}` : '');
  const line = { points: points.filter(Boolean).join(' '), fill: 'none', stroke: '#48f' };
  appendSvg('polyline', root, line);
}

[measure, across, down].forEach(select => select.onchange = drawChart);
if (swept.length > 1) down.value = swept[1];
if (measures.length) drawChart();
