// Noise that is a function of a seed and a position: the numbers that noise.py draws.
'use strict';

// The finaliser of MurmurHash3. Takes any whole number, returns an integer of 32 bits.
function scramble(x) {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

function hashOf(seed, stream) {
  return scramble(scramble(seed + 0x9e3779b9) + stream);
}

// In (0, 1]. In single precision the half is rounded off where the bits are many, as it is in JAX.
function uniform(bits) {
  return Math.fround((bits >>> 8) + 0.5) * 2 ** -24;
}

// Standard normal numbers `from` to `to` of each half of a frame: first[i] and second[i].
function drawNormal(first, second, hash, frame, half, from, to) {
  const row = scramble(hash + frame);
  for (let i = from; i < to; i += 1) {
    const radius = Math.sqrt(-2 * Math.log(uniform(scramble(row + i))));
    const angle = 2 * Math.PI * uniform(scramble(row + half + i));
    first[i] = radius * Math.cos(angle);
    second[i] = radius * Math.sin(angle);
  }
}

// Tables that all streams share, by name.
const tables = new Map();

function shared(name, make) {
  if (!tables.has(name)) tables.set(name, make());
  return tables.get(name);
}

function reversedBits(count) {
  const reversed = new Uint32Array(count);
  for (let i = 1; i < count; i += 1) {
    reversed[i] = (reversed[i >> 1] >> 1) | (i & 1 ? count >> 1 : 0);
  }
  return reversed;
}

// The Fourier transform of a real wave of at least 8 samples, and back. A large one is made pass by
// pass.
class RealFft {
  constructor(length) {
    const half = length / 2;
    const turns = wave => shared(`${wave.name} ${half}`, () =>
      Float64Array.from({ length: half }, (_, k) => wave(Math.PI * k / half)));
    this.half = half;
    this.re = new Float64Array(half);
    this.im = new Float64Array(half);
    this.cos = turns(Math.cos);
    this.sin = turns(Math.sin);
    this.reversed = shared(`reversed ${half}`, () => reversedBits(half));
    this.passes = Math.log2(half) - 1;
  }

  reorder(re, im) {
    const { reversed, half } = this;
    for (let i = 0; i < half; i += 1) {
      const j = reversed[i];
      if (j <= i) continue;
      const x = re[i], y = im[i];
      re[i] = re[j];
      im[i] = im[j];
      re[j] = x;
      im[j] = y;
    }
  }

  // Pass 0 joins single numbers to fours; each further one doubles them.
  pass(number, re, im) {
    if (number === 0) {
      this.joinFours(re, im);
      return;
    }
    const { half, cos, sin } = this;
    const span = 2 << number, step = half / span;
    for (let begin = 0; begin < half; begin += 2 * span) {
      for (let j = 0, k = 0; j < span; j += 1, k += step) {
        const a = begin + j, b = a + span;
        const c = cos[k], s = sin[k], u = re[b], v = im[b], p = re[a], q = im[a];
        const x = u * c + v * s, y = v * c - u * s;
        re[b] = p - x;
        im[b] = q - y;
        re[a] = p + x;
        im[a] = q + y;
      }
    }
  }

  joinFours(re, im) {
    for (let i = 0; i < this.half; i += 4) {
      const a = re[i] + re[i + 1], b = im[i] + im[i + 1];
      const c = re[i] - re[i + 1], d = im[i] - im[i + 1];
      const e = re[i + 2] + re[i + 3], f = im[i + 2] + im[i + 3];
      const g = re[i + 2] - re[i + 3], h = im[i + 2] - im[i + 3];
      re[i] = a + e;
      im[i] = b + f;
      re[i + 1] = c + h;
      im[i + 1] = d - g;
      re[i + 2] = a - e;
      im[i + 2] = b - f;
      re[i + 3] = c - h;
      im[i + 3] = d + g;
    }
  }

  transform(re, im) {
    this.reorder(re, im);
    for (let number = 0; number < this.passes; number += 1) this.pass(number, re, im);
  }

  // Writes the spectrum of wave times window.
  forward(wave, window, outRe, outIm) {
    const { half, re, im, cos, sin } = this;
    for (let i = 0; i < half; i += 1) {
      re[i] = wave[2 * i] * window[2 * i];
      im[i] = wave[2 * i + 1] * window[2 * i + 1];
    }
    this.transform(re, im);
    outRe[0] = re[0] + im[0];
    outRe[half] = re[0] - im[0];
    outIm[0] = outIm[half] = 0;
    for (let k = 1; k < half; k += 1) {
      const sumRe = re[k] + re[half - k], sumIm = im[k] - im[half - k];
      const gapRe = re[k] - re[half - k], gapIm = im[k] + im[half - k];
      outRe[k] = 0.5 * (sumRe + cos[k] * gapIm - sin[k] * gapRe);
      outIm[k] = 0.5 * (sumIm - cos[k] * gapRe - sin[k] * gapIm);
    }
  }

  // Folds bins `from` to `to` of a spectrum into one of half the length, whose inverse transform
  // has the wave's even samples as real and its odd ones as imaginary parts.
  fold(inRe, inIm, from, to) {
    const { half, re, im, cos, sin } = this;
    for (let k = Math.max(from, 1); k < to; k += 1) {
      const sumRe = inRe[k] + inRe[half - k], sumIm = inIm[k] - inIm[half - k];
      const gapRe = inRe[k] - inRe[half - k], gapIm = inIm[k] + inIm[half - k];
      re[k] = 0.5 * (sumRe - cos[k] * gapIm - sin[k] * gapRe);
      im[k] = 0.5 * (sumIm + cos[k] * gapRe - sin[k] * gapIm);
    }
    if (from) return;
    re[0] = 0.5 * (inRe[0] + inRe[half]);
    im[0] = 0.5 * (inRe[0] - inRe[half]);
  }

  // Writes samples `from` to `to` (even) of what was folded and transformed, times window.
  unfold(wave, window, from, to) {
    const { re, im, half } = this;
    for (let i = from / 2; i < to / 2; i += 1) {
      wave[2 * i] = re[i] / half * window[2 * i];
      wave[2 * i + 1] = im[i] / half * window[2 * i + 1];
    }
  }

  // Writes the wave of a spectrum, times window.
  inverse(inRe, inIm, window, wave) {
    this.fold(inRe, inIm, 0, this.half);
    // With the parts exchanged the transform runs backwards.
    this.transform(this.im, this.re);
    this.unfold(wave, window, 0, 2 * this.half);
  }
}

// Noise of a colour. It is made in slots of two chunks; while one is read, the next is made in small
// steps, so that no moment has much to do. A new colour is faded in.
class ColouredNoise {
  // slot: number of the first one. colour: a Float32Array of channels * bins factors.
  constructor(model, seed, slot, colour) {
    this.channels = model.channels;
    this.length = model.noiseFft;
    this.bins = this.length / 2 + 1;
    this.samples = this.length / 2;
    this.frames = this.samples / model.hop;
    this.fadeSamples = 4 * model.hop;
    this.hash = hashOf(seed, model.audible);
    this.slot = slot;
    this.colour = this.wanted = colour;
    this.fft = new RealFft(this.length);
    this.window = shared(`window ${this.length}`, () =>
      Float32Array.from({ length: this.length }, (_, i) =>
        Math.sin(Math.PI * (i + 0.5) / this.length)));
    this.re = new Float32Array(this.bins);
    this.im = new Float32Array(this.bins);
    this.drawSteps = Math.ceil(this.channels * this.bins / ColouredNoise.SLICE);
    this.renderSteps = this.channels * (this.fft.passes + 1 + 3 * ColouredNoise.PARTS);
    this.recolouring = null;
  }

  get beginSteps() {
    return 2 * (this.drawSteps + this.renderSteps);
  }

  // Makes the first slot, step by step.
  *begin() {
    const before = yield* this.draw(this.slot - 1), now = yield* this.draw(this.slot);
    this.drawn = [before, now];
    const tail = (yield* this.render(before)).map(wave => wave.slice(this.samples));
    this.turn(yield* this.render(now), tail);
  }

  // The random spectrum of a frame: its numbers depend on no colour.
  *draw(frame) {
    const count = this.channels * this.bins, scale = Math.sqrt(this.length / 2);
    const re = new Float32Array(count), im = new Float32Array(count);
    for (let from = 0; from < count; from += ColouredNoise.SLICE) {
      const to = Math.min(count, from + ColouredNoise.SLICE);
      drawNormal(re, im, this.hash, frame, count, from, to);
      for (let i = from; i < to; i += 1) {
        re[i] *= scale;
        im[i] *= scale;
      }
      yield;
    }
    return { re, im };
  }

  // The waves of a frame's channels.
  *render(drawn, colour = this.colour) {
    const { fft, bins, re, im, length, window } = this, waves = [];
    const part = length / 2 / ColouredNoise.PARTS;
    for (let first = 0; first < this.channels * bins; first += bins) {
      const wave = new Float32Array(length);
      for (let from = 0; from < bins - 1; from += part, yield) {
        const to = from + part < bins - 1 ? from + part : bins;
        for (let k = from; k < to; k += 1) {
          re[k] = drawn.re[first + k] * colour[first + k];
          im[k] = drawn.im[first + k] * colour[first + k];
        }
      }
      for (let from = 0; from < bins - 1; from += part, yield) fft.fold(re, im, from, from + part);
      fft.reorder(fft.im, fft.re);
      yield;
      for (let number = 0; number < fft.passes; number += 1, yield) {
        fft.pass(number, fft.im, fft.re);
      }
      for (let from = 0; from < length; from += 2 * part, yield) {
        fft.unfold(wave, window, from, from + 2 * part);
      }
      waves.push(wave);
    }
    return waves;
  }

  // Begins a slot: the first half of its own frame, and the second half of the frame before.
  turn(waves, tail) {
    this.waves = join(waves, tail, this.samples);
    this.tail = waves.map(wave => wave.slice(this.samples));
    this.read = 0;
    this.nextDrawn = this.nextWaves = null;
    this.next = this.makeNext();
    this.left = this.drawSteps + this.renderSteps;
  }

  *makeNext() {
    if (!this.nextDrawn) {
      this.nextDrawn = yield* this.draw(this.slot + 1);
      yield;
    }
    this.nextWaves = yield* this.render(this.nextDrawn);
  }

  *recolour(colour) {
    const before = yield* this.render(this.drawn[0], colour);
    const now = yield* this.render(this.drawn[1], colour);
    const tail = before.map(wave => wave.slice(this.samples));
    join(now, tail, this.samples).forEach((wave, channel) => {
      const old = this.waves[channel];
      for (let i = this.read; i < this.samples; i += 1) {
        const share = Math.min(1, (i - this.read) / this.fadeSamples);
        old[i] += share * (wave[i] - old[i]);
      }
    });
    this.tail = now.map(wave => wave.slice(this.samples));
    this.colour = colour;
    if (!this.nextDrawn) return;
    this.next = this.makeNext();
    this.left = this.renderSteps;
  }

  // Call once for each frame of the network: makes a part of what comes.
  work() {
    const framesLeft = this.frames - Math.floor(this.read / this.samples * this.frames);
    if (!this.recolouring && this.wanted !== this.colour && framesLeft > this.frames / 4) {
      this.recolouring = this.recolour(this.wanted);
    }
    if (this.recolouring) {
      const steps = Math.ceil(2 * this.renderSteps / (this.frames / 8));
      for (let i = 0; i < steps && this.recolouring; i += 1) {
        if (this.recolouring.next().done) this.recolouring = null;
      }
    }
    const steps = Math.ceil(this.left / Math.max(1, framesLeft - 1));
    for (let i = 0; i < steps; i += 1) {
      // Two renderings at once would share a buffer.
      if (this.recolouring && this.nextDrawn) return;
      this.step();
    }
  }

  step() {
    this.left = this.next.next().done ? 0 : Math.max(1, this.left - 1);
  }

  // The place of the next `samples` samples in `waves`.
  take(samples) {
    if (this.read === this.samples) {
      while (!this.nextWaves) this.step();
      this.slot += 1;
      this.drawn = [this.drawn[1], this.nextDrawn];
      this.turn(this.nextWaves, this.tail);
    }
    this.read += samples;
    return this.read - samples;
  }
}
ColouredNoise.SLICE = 256;  // random numbers of a step
ColouredNoise.PARTS = 4;    // steps in which a spectrum is coloured, folded and written as a wave

function join(waves, tails, samples) {
  return waves.map((wave, channel) => {
    const joined = wave.slice(0, samples), tail = tails[channel];
    for (let i = 0; i < samples; i += 1) joined[i] += tail[i];
    return joined;
  });
}
