// The controls of a page that plays a generator, and its recordings.
'use strict';

(() => {
  const FADE = 0.02;             // seconds in which playing begins and ends
  const FFT_SIZE = 2048;         // samples of which a spectrum is shown
  const LARGEST_SEED = 2 ** 32 - 1;
  const find = id => document.getElementById(id);
  const model = JSON.parse(find('model').textContent);
  const colours = decodeModel();

  // Fills model.arrays. Returns the styles' colours, Float32Arrays.
  function decodeModel() {
    const text = atob(find('data').textContent);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    model.arrays = {};
    for (const [name, [offset, size]] of Object.entries(model.offsets)) {
      model.arrays[name] = new Float32Array(bytes.buffer, 4 * offset, size).slice();
    }
    const codes = new Uint16Array(bytes.buffer, model.colourOffset);
    const size = codes.length / model.styles.length;
    return model.colourPeaks.map((peak, style) =>
      Float32Array.from(codes.subarray(style * size, (style + 1) * size), code =>
        code && Math.exp(peak + model.colourStep * (code - model.colourSteps - 1))));
  }

  // ------------------------------------------------------------ the sliders

  const sliders = { density: find('density'), brightness: find('brightness'), level: find('level') };
  const styleSliders = model.styles.map((name, style) => {
    const slider = document.createElement('input');
    Object.assign(slider, { type: 'range', id: `style-${style}`, min: 0, max: 100, step: 1 });
    slider.autocomplete = 'off';
    // The value that the sound begins with, and goes back to.
    slider.setAttribute('value', 100);
    const label = document.createElement('label'), output = document.createElement('output');
    label.textContent = name;
    label.htmlFor = output.htmlFor = slider.id;
    const row = document.createElement('div');
    row.className = 'slider';
    row.append(label, slider, output);
    find('styles').append(row);
    return slider;
  });
  find('styles-section').hidden = model.styles.length < 2;
  const everySlider = [...Object.values(sliders), ...styleSliders];

  function readControls() {
    return {
      weights: styleSliders.map(slider => Number(slider.value)),
      density: Number(sliders.density.value) / 100,
      brightness: Number(sliders.brightness.value),
      level: Number(sliders.level.value),
    };
  }

  function signed(number, digits, unit) {
    const text = Math.abs(number).toFixed(digits);
    return `${number > 0 ? '+' : number < 0 ? '\u2212' : ''}${text} ${unit}`;
  }

  function describeDensity(density) {
    if (!density) return 'as trained';
    return `${Math.round(100 * Math.abs(density))} % ${density > 0 ? 'more' : 'fewer'}`;
  }

  function showSliders() {
    const { weights, density, brightness, level } = readControls();
    const parts = normalise(weights);
    const texts = [describeDensity(density), signed(brightness, 1, 'dB an octave'),
      signed(level, 1, 'dB'), ...parts.map(part => `${Math.round(100 * part)} %`)];
    everySlider.forEach((slider, i) => {
      slider.parentElement.querySelector('output').textContent = texts[i];
      slider.setAttribute('aria-valuetext', texts[i]);
    });
  }

  // ------------------------------------------------------------ playing

  let player = null;     // context, node, gain and analyser, once something was played
  let opening = null;    // the promise of a player that is being made
  let playing = false;
  let recorded = null;   // blocks of samples of a recording
  let position = 0;      // number of the next sample
  let seed = 0;

  // Chromium refuses a Blob as the module of a page that was opened as a file; another browser may
  // refuse a data URL.
  async function addModule(context) {
    const source = find('styles-script').textContent + find('worklet').textContent;
    const type = 'text/javascript';
    try {
      await context.audioWorklet.addModule(`data:${type},${encodeURIComponent(source)}`);
    } catch {
      const url = URL.createObjectURL(new Blob([source], { type }));
      await context.audioWorklet.addModule(url);
      URL.revokeObjectURL(url);
    }
  }

  function mix(weights) {
    return mixColours(colours, normalise(weights), model.colourFloor);
  }

  // The node that makes the sound, in any kind of context that has the module.
  function makeNode(context, options) {
    return new AudioWorkletNode(context, 'texture', {
      numberOfInputs: 0,
      outputChannelCount: [model.outputs],
      processorOptions: { model, colour: mix(options.controls.weights), ...options },
    });
  }

  async function openPlayer() {
    // Made within the press of a button, as browsers ask.
    const context = new AudioContext({ sampleRate: model.sampleRate, latencyHint: 'interactive' });
    await addModule(context);
    // What was chosen while the module was loaded counts.
    const node = makeNode(context, { controls: readControls(), seed, first: position,
      recording: Boolean(recorded) });
    const gain = new GainNode(context, { gain: 0 });
    const analyser = new AnalyserNode(context, { fftSize: FFT_SIZE, smoothingTimeConstant: 0.7 });
    node.connect(gain).connect(analyser).connect(context.destination);
    node.port.onmessage = ({ data }) => receive(data);
    node.onprocessorerror = () => tell('The sound stopped because of an error in the page.');
    player = { context, node, gain, analyser };
  }

  function receive(data) {
    if (data.recorded) recorded?.push(data.recorded);
    if (data.finished) saveRecording();
    if (data.position === undefined || !playing) return;
    position = data.position;
    showPosition();
    tell(data.peak >= model.knee
      ? 'The loudest peaks are rounded off: lower the level to hear them whole.' : '');
  }

  // From where the gain is, which not every browser tells while it moves.
  function fadeTo(level) {
    const { context, gain } = player, now = context.currentTime;
    gain.gain.cancelScheduledValues(now);
    gain.gain.setTargetAtTime(level, now, FADE / 4);
  }

  async function play() {
    playing = true;
    showButtons();
    try {
      if (player && recorded) player.node.port.postMessage({ recording: true });
      if (!player) await (opening ??= openPlayer().finally(() => { opening = null; }));
      // Stop may have been pressed meanwhile.
      if (!playing) {
        player.context.suspend();
        return;
      }
      await player.context.resume();
      fadeTo(1);
      draw();
    } catch (error) {
      playing = false;
      recorded = null;
      showButtons();
      tell(`This browser cannot play the sound: ${error.message}`);
    }
  }

  function stop() {
    if (recorded) finishRecording();
    playing = false;
    showButtons();
    if (!player) return;
    fadeTo(0);
    const { context } = player;
    setTimeout(() => playing || context.state === 'closed' || context.suspend(), 1000 * FADE + 50);
  }

  function restart() {
    showPosition();
    if (playing && player) {
      player.node.port.postMessage({ restart: { seed, first: position } });
    } else if (player) {
      player.context.close();
      player = null;
    }
  }

  let colourTimer = 0;

  function sendControls(withColour) {
    showSliders();
    if (!player) return;
    const controls = readControls();
    player.node.port.postMessage({ controls });
    if (!withColour || colourTimer) return;
    // Mixing colours takes longer than moving a slider.
    colourTimer = setTimeout(() => {
      colourTimer = 0;
      player?.node.port.postMessage({ colour: mix(readControls().weights) });
    }, 40);
  }

  // ------------------------------------------------------------ recording

  function toggleRecording() {
    if (recorded) {
      finishRecording();
      return;
    }
    recorded = [];
    showButtons();
    if (playing) player?.node.port.postMessage({ recording: true });
    else play();
  }

  function finishRecording() {
    if (player) {
      player.node.port.postMessage({ recording: false });
      return;
    }
    // Nothing was recorded while the player was being made.
    recorded = null;
    showButtons();
  }

  function saveRecording() {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(encodeWav(recorded, model.outputs, model.sampleRate));
    link.download = `${model.title.replace(/[^\p{L}\p{N}]+/gu, '_')}_seed_${seed}.wav`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    recorded = null;
    showButtons();
  }

  // Samples of 32-bit floating point, exactly as they are heard. blocks: of channels of samples.
  function encodeWav(blocks, channels, sampleRate) {
    const frames = blocks.reduce((sum, block) => sum + block[0].length, 0);
    const bytes = 4 * channels * frames, header = new DataView(new ArrayBuffer(56));
    const text = (at, word) => [...word].forEach((letter, i) =>
      header.setUint8(at + i, letter.charCodeAt(0)));
    const number = (at, value) => header.setUint32(at, value, true);
    text(0, 'RIFF');
    number(4, 48 + bytes);
    text(8, 'WAVEfmt ');
    number(16, 16);
    header.setUint16(20, 3, true);
    header.setUint16(22, channels, true);
    number(24, sampleRate);
    number(28, 4 * channels * sampleRate);
    header.setUint16(32, 4 * channels, true);
    header.setUint16(34, 32, true);
    text(36, 'fact');
    number(40, 4);
    number(44, frames);
    text(48, 'data');
    number(52, bytes);
    const parts = blocks.map(block => {
      const samples = new DataView(new ArrayBuffer(4 * channels * block[0].length));
      block.forEach((row, channel) => row.forEach((value, i) =>
        samples.setFloat32(4 * (i * channels + channel), value, true)));
      return samples;
    });
    return new Blob([header, ...parts], { type: 'audio/wav' });
  }

  // ------------------------------------------------------------ what is shown

  // Only what is new, which screen readers then say.
  function tell(text) {
    if (find('message').textContent !== text) find('message').textContent = text;
  }

  function showPosition() {
    const seconds = position / model.sampleRate;
    const minutes = Math.floor(seconds / 60) % 60, hours = Math.floor(seconds / 3600);
    const rest = (seconds % 60).toFixed(1).padStart(4, '0');
    find('clock').textContent = hours
      ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
  }

  function showButtons() {
    find('play').textContent = playing ? 'Stop' : 'Play';
    find('record').textContent = recorded ? 'Stop recording' : 'Record';
    find('record').setAttribute('aria-pressed', Boolean(recorded));
  }

  let drawing = 0;

  // The spectrum, from 50 Hz to the highest frequency, an octave as wide as any other.
  function draw() {
    cancelAnimationFrame(drawing);
    const canvas = find('spectrum'), pen = canvas.getContext('2d');
    const decibels = new Float32Array(FFT_SIZE / 2).fill(-Infinity);
    if (playing) player?.analyser.getFloatFrequencyData(decibels);
    const { width, height } = canvas, octaves = Math.log2(model.sampleRate / 2 / 50);
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = getComputedStyle(canvas).color;
    const binAt = x => 100 / model.sampleRate * 2 ** (x / width * octaves) * decibels.length;
    for (let x = 0; x < width; x += 8) {
      const from = Math.floor(binAt(x)), to = Math.max(from + 1, Math.floor(binAt(x + 8)));
      const loudest = decibels.subarray(from, to).reduce((a, b) => Math.max(a, b), -120);
      const size = Math.max(1, Math.min(1, (loudest + 110) / 100) * height);
      pen.fillRect(x, height - size, 6, size);
    }
    if (playing) drawing = requestAnimationFrame(draw);
  }

  // ------------------------------------------------------------ what the person does

  for (const slider of Object.values(sliders)) slider.oninput = () => sendControls(false);
  for (const slider of styleSliders) slider.oninput = () => sendControls(true);
  find('neutral').onclick = () => {
    for (const slider of everySlider) slider.value = slider.getAttribute('value');
    sendControls(true);
  };

  function chooseSeed(wanted) {
    seed = Math.min(LARGEST_SEED, Math.max(0, Math.round(wanted) || 0));
    find('seed').value = seed;
    position = 0;
    restart();
  }

  find('seed').onchange = () => chooseSeed(Number(find('seed').value));
  find('another').onclick = () => chooseSeed(Math.floor(Math.random() * 1e6));
  function go() {
    const wanted = Math.min(Number(find('start').max), Math.max(0, Number(find('start').value)));
    find('start').value = wanted;
    position = Math.round(wanted * model.sampleRate);
    restart();
  }
  find('go').onclick = go;
  find('start').onkeydown = event => event.key === 'Enter' && go();
  find('play').onclick = () => playing ? stop() : play();
  find('record').onclick = toggleRecording;

  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (event.target instanceof Element && event.target.closest('input[type=number]')) return;
    const button = { p: 'play', r: 'record' }[event.key.toLowerCase()];
    if (button) find(button).click();
  });

  const channels = ['mono', 'stereo'][model.outputs - 1] ?? `${model.outputs} channels`;
  find('summary').textContent = 'A sound without an end, made while it plays. ' +
    `${(model.sampleRate / 1000).toLocaleString('en')} kHz, ${channels}.`;
  showSliders();
  showPosition();
  showButtons();
  draw();

  // A stretch of a seed's sound by the same program, without a loudspeaker: an AudioBuffer.
  // controls: those that differ from the sliders. changes: [seconds, message to the node] pairs.
  async function render({ seconds, seed: wanted, start = 0, changes = [], ...controls }) {
    const frames = Math.round(seconds * model.sampleRate);
    const context = new OfflineAudioContext(model.outputs, frames, model.sampleRate);
    await addModule(context);
    const every = { ...readControls(), ...controls };
    const node = makeNode(context, { controls: every, seed: wanted ?? seed,
      first: Math.round(start * model.sampleRate) });
    node.connect(context.destination);
    for (const [when, message] of changes) {
      context.suspend(when).then(() => {
        node.port.postMessage(message);
        // The message takes its time to the audio thread.
        setTimeout(() => context.resume(), 50);
      });
    }
    return context.startRendering();
  }

  window.texture = { render, mix, readControls };
})();
