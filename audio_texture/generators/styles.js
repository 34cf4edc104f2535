// Mixtures of styles, as `blend` of styles.py makes them for one voice.
'use strict';

// Weights with sum 1; equal ones where all are 0.
function normalise(weights) {
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map(weight => sum ? weight / sum : 1 / weights.length);
}

// Of rows with one row a style: their mean by weights. out: an array of a row's length.
function average(rows, weights, out) {
  out.fill(0);
  weights.forEach((weight, style) => {
    const first = style * out.length;
    for (let i = 0; weight && i < out.length; i += 1) out[i] += weight * rows[first + i];
  });
}

// The colour of a mixture: the geometric mean of the styles', where none is silent.
function mixColours(colours, weights, floor) {
  const parts = colours.map((colour, style) => {
    const square = colour.reduce((sum, value) => sum + value * value, 0);
    return [colour, weights[style], floor * Math.sqrt(square / colour.length)];
  });
  const heard = parts.filter(([, weight]) => weight > 0);
  return colours[0].map((_, k) => {
    let geometric = 0, power = 0, flooredPower = 0;
    for (const [colour, weight, least] of heard) {
      const value = colour[k], floored = value + least;
      geometric += weight * Math.log(floored);
      power += weight * value * value;
      flooredPower += weight * floored * floored;
    }
    return Math.sqrt(power / flooredPower) * Math.exp(geometric);
  });
}

// Which bands the bins of a stage belong to: bin k lies between the tips of the bands lower[k] and
// lower[k] + 1, and widths are the sums of each band's shares.
function placeBins({ nFft, tips }) {
  const bins = nFft / 2 + 1, last = tips.length - 2;
  const lower = new Uint16Array(bins), upperShare = new Float64Array(bins);
  const widths = new Float64Array(tips.length);
  for (let k = 0, band = 0; k < bins; k += 1) {
    while (band < last && tips[band + 1] <= k) band += 1;
    lower[k] = band;
    upperShare[k] = Math.min(1, (k - tips[band]) / (tips[band + 1] - tips[band]));
    widths[band] += 1 - upperShare[k];
    widths[band + 1] += upperShare[k];
  }
  return { lower, upperShare, widths };
}

// What the network needs of a mixture, and of the sliders. `follow` moves it towards the wanted
// values, so that nothing jumps.
class Mixture {
  constructor(model, controls) {
    this.model = model;
    const count = model.styles.length;
    this.rows = {};
    for (const [name, values] of Object.entries(model.arrays)) {
      if (/\/(scale|shift)$/.test(name)) this.rows[name] = new Float32Array(values.length / count);
    }
    this.heard = new Float32Array(model.arrays.heard.length / count);
    this.coupling = new Float32Array(model.arrays.couplings.length / count);
    const stage = model.stages.find(each => each.hears);
    this.hearing = { nFft: stage.nFft, ...placeBins(stage) };
    this.wanted = controls;
    this.weights = normalise(controls.weights);
    this.brightness = controls.brightness;
    this.density = controls.density;
    this.level = 10 ** (controls.level / 20);
    this.update();
    this.updateTilt();
  }

  get contrast() {
    return Mixture.MOST_CONTRAST * Math.max(0, -this.density);
  }

  // How loud each of three streams is, of which the first is always heard.
  get shares() {
    const more = 2 * Math.max(0, this.density);
    return [1, Math.min(1, more), Math.max(0, more - 1)];
  }

  // Factor from the modelled level to that of the output.
  get factor() {
    const power = this.weights.reduce(
      (sum, weight, style) => sum + weight * this.model.arrays.gains[style] ** 2, 0);
    return Math.sqrt(power) * this.model.lowered * this.level;
  }

  update() {
    const { arrays } = this.model;
    for (const [name, out] of Object.entries(this.rows)) average(arrays[name], this.weights, out);
    average(arrays.heard, this.weights, this.heard);
    average(arrays.couplings, this.weights, this.coupling);
  }

  // Brightness: decibels an octave, around the frequency that keeps the noise as loud as it was.
  updateTilt() {
    const { model, brightness, heard, hearing } = this;
    this.tilt = null;
    if (!brightness) return;
    const { lower, upperShare, widths, nFft } = hearing;
    const tilt = Float64Array.from(lower, (_, k) =>
      10 ** (brightness / 20 * Math.log2(Math.max(k, 0.5) / nFft * model.sampleRate / 1000)));
    let before = 0, after = 0;
    for (let first = 0; first < heard.length; first += widths.length) {
      tilt.forEach((factor, k) => {
        const band = lower[k] + Math.round(upperShare[k]);
        const power = Math.exp(2 * heard[first + band]) / widths[band];
        before += power;
        after += power * factor * factor;
      });
    }
    this.tilt = tilt.map(factor => factor * Math.sqrt(before / after));
  }

  // seconds: since the last call. Returns nothing; values that have arrived cost nothing.
  follow(seconds) {
    const share = 1 - Math.exp(-seconds / Mixture.FOLLOW_SECONDS);
    const weights = normalise(this.wanted.weights);
    const moved = weights.some((weight, style) => weight !== this.weights[style]);
    if (moved) {
      this.weights = this.weights.map((weight, style) => approach(weight, weights[style], share));
      this.update();
    }
    const brightness = approach(this.brightness, this.wanted.brightness, share);
    if (brightness !== this.brightness || (moved && brightness)) {
      this.brightness = brightness;
      this.updateTilt();
    }
    this.density = approach(this.density, this.wanted.density, share);
    this.level = approach(this.level, 10 ** (this.wanted.level / 20), share);
  }
}
Mixture.FOLLOW_SECONDS = 0.03;
Mixture.MOST_CONTRAST = 4;

function approach(value, wanted, share) {
  return Math.abs(wanted - value) < 1e-4 ? wanted : value + share * (wanted - value);
}
