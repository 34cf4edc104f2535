// The network of network.py, frame by frame: noise and random numbers become sound.
'use strict';

// Short-time spectra of a wave and back, frame by frame, as shaping.py makes them.
class Shaper {
  constructor(model, stage) {
    Object.assign(this, stage);
    const { nFft } = stage, { channels } = model;
    const buffers = length => Array.from({ length: channels }, () => new Float32Array(length));
    this.hop = nFft / model.overlap;
    this.bins = nFft / 2 + 1;
    this.fft = new RealFft(nFft);
    this.window = Float32Array.from({ length: nFft }, (_, i) => Math.sin(Math.PI * i / nFft));
    this.closing = this.window.map(value => value / (model.overlap / 2));
    this.past = buffers(nFft);
    this.tail = buffers(nFft);
    this.re = buffers(this.bins);
    this.im = buffers(this.bins);
    this.wave = new Float32Array(nFft);
    this.outputs = buffers(model.hop * 2 ** stage.level);
    // Bin k lies between two bands.
    Object.assign(this, placeBins(stage));
    this.head = Product.of(model, `head_${stage.name}`, model.width);
    this.raw = this.head.results;
    this.gains = new Float32Array(channels * stage.bands);
    this.meanPowers = new Float32Array(stage.split * channels * stage.bands);
    this.averaged = 0;  // frames that the mean is of
  }

  analyse(inputs, from) {
    const { past, hop, nFft } = this;
    past.forEach((samples, channel) => {
      samples.copyWithin(0, hop);
      samples.set(inputs[channel].subarray(from, from + hop), nFft - hop);
      this.fft.forward(samples, this.window, this.re[channel], this.im[channel]);
    });
  }

  // How loud each band is, relative to what the noise has in the mean.
  hear(out, at, heard, floor) {
    const { lower, upperShare, bands } = this;
    this.re.forEach((re, channel) => {
      const im = this.im[channel], powers = new Float64Array(bands);
      for (let k = 0; k < re.length; k += 1) {
        const power = re[k] * re[k] + im[k] * im[k];
        powers[lower[k]] += power * (1 - upperShare[k]);
        powers[lower[k] + 1] += power * upperShare[k];
      }
      for (let band = 0, i = channel * bands; band < bands; band += 1, i += 1) {
        out[at + i] = 0.5 * Math.log(powers[band] * Math.exp(-2 * heard[i]) + floor);
      }
    });
  }

  // Multiplies the spectra by gains, which are natural logarithms. tilt: a factor for each bin.
  amplify(tilt) {
    const { lower, upperShare, gains, bands } = this;
    this.re.forEach((re, channel) => {
      const im = this.im[channel], first = channel * bands;
      for (let k = 0; k < re.length; k += 1) {
        const i = first + lower[k];
        let factor = Math.exp(gains[i] + upperShare[k] * (gains[i + 1] - gains[i]));
        if (tilt) factor *= tilt[k];
        re[k] *= factor;
        im[k] *= factor;
      }
    });
  }

  // Gives each channel back what it shares with those before it; the last ones first, because they
  // need the others as they were. coupling: real and imaginary parts for each pair of channels.
  join(coupling) {
    const { bins } = this, pairs = coupling.length / 2 / bins;
    let pair = pairs;
    for (let row = this.re.length - 1; row > 0; row -= 1) {
      for (let column = row - 1; column >= 0; column -= 1) {
        pair -= 1;
        const real = pair * bins, imaginary = (pairs + pair) * bins;
        for (let k = 0; k < bins; k += 1) {
          const a = coupling[real + k], b = coupling[imaginary + k];
          const x = this.re[column][k], y = this.im[column][k];
          this.re[row][k] += a * x - b * y;
          this.im[row][k] += a * y + b * x;
        }
      }
    }
  }

  resynthesise(at) {
    const { hop, nFft, wave } = this;
    this.tail.forEach((tail, channel) => {
      this.fft.inverse(this.re[channel], this.im[channel], this.closing, wave);
      tail.copyWithin(0, hop);
      tail.fill(0, nFft - hop);
      for (let i = 0; i < nFft; i += 1) tail[i] += wave[i];
      this.outputs[channel].set(tail.subarray(0, hop), at);
    });
  }
}

// A product with a matrix, four results at a time: their sums stay in registers.
class Product {
  // kernel: a row for each input.
  constructor(kernel, inputs) {
    this.inputs = inputs;
    this.count = kernel.length / inputs;
    this.columns = new Float32Array(4 * Math.ceil(this.count / 4) * inputs);
    for (let i = 0; i < inputs; i += 1) {
      for (let k = 0; k < this.count; k += 1) {
        this.columns[k * inputs + i] = kernel[i * this.count + k];
      }
    }
  }

  // input: Float64Array. out: of a length that four divides.
  apply(input, out) {
    const { columns, inputs } = this;
    for (let k = 0, first = 0; k < out.length; k += 4, first += 4 * inputs) {
      const second = first + inputs, third = second + inputs, fourth = third + inputs;
      let a = 0, b = 0, c = 0, d = 0;
      for (let i = 0; i < inputs; i += 1) {
        const value = input[i];
        a += value * columns[first + i];
        b += value * columns[second + i];
        c += value * columns[third + i];
        d += value * columns[fourth + i];
      }
      out[k] = a;
      out[k + 1] = b;
      out[k + 2] = c;
      out[k + 3] = d;
    }
  }

  get results() {
    return new Float64Array(4 * Math.ceil(this.count / 4));
  }

  // The product with a kernel of the model, which all streams share.
  static of(model, name, inputs) {
    model.products ??= {};
    model.products[name] ??= new Product(model.arrays[`${name}/kernel/kernel`], inputs);
    return model.products[name];
  }
}

// A causal convolution over frames with a scale and a shift, and a leaky ReLU.
class Convolution {
  constructor(model, name) {
    const { width, kernelSize } = model;
    const inputs = model.arrays[`${name}/kernel/kernel`].length / width;
    this.product = Product.of(model, name, inputs);
    this.name = name;
    this.slope = model.slope;
    this.inputs = inputs / kernelSize;
    this.frames = new Float64Array(inputs);  // the oldest first
    this.sums = this.product.results;
    this.output = new Float64Array(width);
  }

  apply(input, mixture) {
    const { frames, inputs, sums, output, slope } = this;
    frames.copyWithin(0, inputs);
    frames.set(input, frames.length - inputs);
    this.product.apply(frames, sums);
    const scale = mixture.rows[`${this.name}/scale`], shift = mixture.rows[`${this.name}/shift`];
    for (let i = 0; i < output.length; i += 1) {
      const value = sums[i] * scale[i] + shift[i];
      output[i] = value < 0 ? slope * value : value;
    }
    return output;
  }
}

// Writes cosines and sines of the styles' beats at a frame, mixed by weights, as beats.py makes them.
// Returns the place after them.
function oscillate(out, at, frame, { beats, harmonics }, weights) {
  let end = at;
  beats.forEach((row, style) => {
    let place = at;
    for (const beat of row) {
      for (const multiple of harmonics) {
        // Turns as parts of 2^32: whole turns fall off.
        const turns = Math.imul(Math.imul(frame, beat), multiple) >>> 8;
        const angle = 2 * Math.PI * 2 ** -24 * turns, weight = beat ? weights[style] : 0;
        out[place] = (style ? out[place] : 0) + weight * Math.cos(angle);
        out[place + 1] = (style ? out[place + 1] : 0) + weight * Math.sin(angle);
        place += 2;
      }
    }
    end = place;
  });
  return end;
}

// The endless sound of a seed, at the modelled level.
class Stream {
  // first: number of the first sample, at least 0.
  constructor(model, mixture, { seed, first, colour }) {
    this.model = model;
    this.mixture = mixture;
    this.position = first;  // number of the next sample
    this.firstFrame = Math.floor(first / model.hop);
    this.skipped = first - this.firstFrame * model.hop;
    this.number = this.firstFrame - Stream.reach(model, model.levels - 1);  // of the next frame
    this.shapers = model.stages.map(stage => new Shaper(model, stage));
    this.levels = Array.from({ length: model.levels }, (_, level) => this.makeLevel(level, seed));
    const { level } = this.shapers[0], step = 2 ** level;
    const noiseFrame = Math.ceil(this.levels[level].from / step) * step;
    const slot = Math.floor(noiseFrame * model.hop / model.noiseFft * 2);
    this.noise = new ColouredNoise(model, seed, slot, colour);
    this.noiseSkip = noiseFrame * model.hop - slot * this.noise.samples;
    this.outputs = this.shapers.at(-1).outputs;
    this.used = model.hop;           // samples of `outputs` that have been read
  }

  makeLevel(level, seed) {
    const first = new Convolution(this.model, `first_${level}`);
    return {
      hash: hashOf(seed, level),
      from: this.firstFrame - Stream.reach(this.model, level),
      input: new Float64Array(first.inputs),
      first,
      second: new Convolution(this.model, `second_${level}`),
      shapers: this.shapers.filter(shaper => shaper.level === level),
    };
  }

  // How many frames before the first one a level must run, so that nothing is missing of what the
  // sound would be if it had always been playing: each level is late by its own frames.
  static reach(model, level) {
    const late = 2 * (model.kernelSize - 1) * (2 ** (level + 1) - 1) + 2 ** level;
    return model.stages.reduce((sum, stage) => sum + 2 * stage.nFft / model.hop, late);
  }

  // Work before the first sample, in steps. Each yields how long it takes, in frames.
  *begin() {
    for (const _ of this.noise.begin()) yield Stream.NOISE_STEP;
    this.noise.take(this.noiseSkip);
    while (this.number < this.firstFrame) {
      yield this.number < this.levels[0].from ? Stream.COARSE_STEP : 1;
      this.makeFrame();
    }
    if (!this.skipped) return;
    this.makeFrame();
    this.used = this.skipped;
  }

  // How long `begin` takes, in frames.
  get beginFrames() {
    const [fine, all] = [0, this.model.levels - 1].map(level => Stream.reach(this.model, level));
    return fine + Stream.COARSE_STEP * (all - fine) +
      Stream.NOISE_STEP * this.noise.beginSteps;
  }

  // Calls use(channel, samples from `outputs`, place) until `count` samples have been read.
  read(count, use) {
    const { hop } = this.model;
    for (let done = 0; done < count;) {
      if (this.used === hop) {
        this.makeFrame();
        this.used = 0;
      }
      const part = Math.min(count - done, hop - this.used);
      this.outputs.forEach((output, channel) =>
        use(channel, output.subarray(this.used, this.used + part), done));
      this.used += part;
      done += part;
    }
    this.position += count;
  }

  makeFrame() {
    const { number, model, mixture } = this;
    this.noise.work();
    let features = null;
    for (let level = model.levels - 1; level >= 0; level -= 1) {
      const { hash, from, input, first, second, shapers } = this.levels[level];
      if (number & ((1 << level) - 1) || number < from) {
        features = second.output;
        continue;
      }
      const half = model.noises / 2;
      // No shift, which would turn numbers of 32 bits and more into other ones.
      const frame = Math.floor(number / 2 ** level);
      drawNormal(input, input.subarray(half), hash, frame, half, 0, half);
      let at = model.noises;
      if (shapers[0]?.hears) {
        this.analyse(shapers[0], 0);
        shapers[0].hear(input, at, mixture.heard, model.heardFloor);
        at += shapers[0].gains.length;
      }
      at = oscillate(input, at, number, model, mixture.weights);
      if (features) input.set(features, at);
      features = second.apply(first.apply(input, mixture), mixture);
      for (const shaper of shapers) this.shape(shaper, features);
    }
    this.number += 1;
  }

  // The next spectra of a stage. part: number of the frame within that of the stage's level.
  analyse(shaper, part) {
    const before = this.shapers[this.shapers.indexOf(shaper) - 1];
    if (!before) {
      const from = this.noise.take(shaper.hop);
      shaper.analyse(this.noise.waves, from);
      return;
    }
    const within = this.number & ((1 << before.level) - 1);
    shaper.analyse(before.outputs, within * this.model.hop + part * shaper.hop);
  }

  shape(shaper, features) {
    const { mixture, model } = this, { raw } = shaper;
    shaper.head.apply(features, raw);
    const shift = mixture.rows[`head_${shaper.name}/shift`];
    for (let k = 0; k < shift.length; k += 1) {
      raw[k] = Math.min(Math.max(raw[k] + shift[k], model.leastGain), model.largestGain);
    }
    if (shaper.level <= model.heardLevel) this.raiseContrast(shaper, raw);
    const { gains } = shaper;
    for (let part = 0; part < shaper.split; part += 1) {
      if (!shaper.hears) this.analyse(shaper, part);
      gains.set(raw.subarray(part * gains.length, (part + 1) * gains.length));
      shaper.amplify(shaper.hears ? mixture.tilt : null);
      if (shaper.hears && model.channels > 1) shaper.join(mixture.coupling);
      shaper.resynthesise(part * shaper.hop);
    }
  }

  // Fewer events: gains below their own mean power are lowered further, so that quiet events sink
  // and loud ones stay as they are.
  raiseContrast(shaper, gains) {
    const { meanPowers } = shaper, { contrast } = this.mixture;
    const { hop, sampleRate } = this.model;
    const seconds = hop * 2 ** shaper.level / sampleRate;
    shaper.averaged += 1;
    const share = Math.max(1 / shaper.averaged, seconds / Stream.MEAN_SECONDS);
    for (let i = 0; i < meanPowers.length; i += 1) {
      meanPowers[i] += share * (Math.exp(2 * gains[i]) - meanPowers[i]);
      if (!contrast) continue;
      gains[i] -= contrast * Math.max(0, 0.5 * Math.log(meanPowers[i]) - gains[i]);
    }
  }
}
Stream.NOISE_STEP = 0.25;  // how long a step of the noise takes, in frames
Stream.COARSE_STEP = 0.1;  // the same of a frame without the finest level
Stream.MEAN_SECONDS = 1;   // over which the mean power of gains is taken
