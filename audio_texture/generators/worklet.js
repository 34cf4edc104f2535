// Runs streams in the audio thread: fades between them, follows the sliders, records.
'use strict';

// Full scale is reached smoothly, as `audio.round_off_peaks` does.
function roundOff(value, knee, fullScale) {
  const size = Math.abs(value);
  if (size <= knee) return value;
  const rounded = knee + (1 - knee) * Math.tanh((size - knee) / (1 - knee));
  return Math.sign(value) * Math.min(rounded, fullScale);
}

// A stream that is being prepared, fades in, sounds or fades out.
class Voice {
  // number: 0 for the main stream of a seed, 1 and 2 for those that make it denser.
  constructor(model, mixture, { seed, first, colour, number }) {
    // Streams do their larger pieces of work at different times.
    const shifted = first + 3 * number * model.hop;
    // The seeds of denser streams are no neighbours, which a person may choose.
    const own = number ? scramble(seed + number * 0x9e3779b9) >>> 0 : seed;
    this.stream = new Stream(model, mixture, { seed: own, first: shifted, colour });
    this.number = number;
    this.startsAt = first;
    this.preparing = this.stream.begin();
    this.presence = 0;   // from 0, silent, to 1
    this.amplitude = 0;  // at the end of the last block
    this.leaving = false;
  }

  // The power of two streams that replace each other stays even.
  get fade() {
    return Math.sin(0.5 * Math.PI * this.presence);
  }

  // Works on the preparation for so many frames; returns those that are left.
  prepare(frames = Infinity) {
    while (this.preparing && frames > 0) {
      const step = this.preparing.next();
      if (step.done) this.preparing = null;
      else frames -= step.value;
    }
    return frames;
  }
}

class TextureProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions: options }) {
    super();
    this.model = options.model;
    this.colour = options.colour;
    this.mixture = new Mixture(this.model, options.controls);
    this.seed = options.seed;
    this.recorder = options.recording ? new Recorder(this.model, this.port) : null;
    this.current = [0, 1, 2]
      .filter(number => this.mixture.shares[number] > 0)
      .map(number => this.makeVoice(number, options.seed, options.first));
    for (const voice of this.current) {
      voice.prepare();
      voice.presence = 1;
    }
    this.upcoming = null;  // a main stream that will replace the current ones
    this.leaving = [];
    this.sinceReport = 0;
    this.peak = 0;
    this.ramp = null;
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  makeVoice(number, seed, first) {
    return new Voice(this.model, this.mixture, { seed, first, colour: this.colour, number });
  }

  get voices() {
    return [...this.leaving, ...this.current];
  }

  receive({ controls, colour, restart, recording }) {
    if (controls) this.mixture.wanted = controls;
    if (colour) {
      this.colour = colour;
      for (const voice of [...this.voices, this.upcoming]) {
        if (voice) voice.stream.noise.wanted = colour;
      }
    }
    if (restart) {
      this.seed = restart.seed;
      this.upcoming = this.makeVoice(0, restart.seed, restart.first);
    }
    if (recording === true) this.recorder = new Recorder(this.model, this.port);
    if (recording === false && this.recorder) {
      this.recorder.finish();
      this.recorder = null;
    }
  }

  // Streams that are wanted are prepared little by little, within a chunk.
  prepare(count) {
    const [main] = this.current, blocks = Math.floor(this.model.chunk / count);
    const frames = main.stream.beginFrames / Math.max(1, blocks - 3);
    if (this.upcoming) {
      this.upcoming.prepare(frames);
      if (this.upcoming.preparing) return;
      for (const voice of this.current) voice.leaving = true;
      // Those that are not ready yet are not heard of again.
      this.leaving.push(...this.current.filter(voice => voice.presence > 0));
      this.current = [this.upcoming];
      this.upcoming = null;
      return;
    }
    const waiting = this.current.find(voice => voice.preparing);
    if (waiting) {
      waiting.prepare(frames);
      return;
    }
    if (this.current.some(voice => voice.startsAt > main.stream.position)) return;
    const missing = this.mixture.shares.findIndex((share, number) =>
      share > 0 && !this.current.some(voice => voice.number === number));
    if (missing < 0) return;
    this.current.push(this.makeVoice(missing, this.seed, main.stream.position + blocks * count));
  }

  // Writes the modelled channels of a block, already at their level.
  mix(sums, count) {
    const { mixture, current, model } = this, position = current[0].stream.position;
    const fade = count / model.sampleRate / TextureProcessor.FADE_SECONDS;
    // Denser is not louder.
    const power = current.reduce((sum, voice) =>
      sum + (voice.number ? (mixture.shares[voice.number] * voice.fade) ** 2 : 0), 1);
    const factor = mixture.factor / Math.sqrt(power);
    for (const voice of this.voices) {
      if (voice.startsAt > position && current.includes(voice)) continue;
      voice.prepare();
      const target = voice.leaving ? 0 : 1;
      voice.presence += Math.max(-fade, Math.min(fade, target - voice.presence));
      const end = mixture.shares[voice.number] * voice.fade * factor;
      const begin = this.started ? voice.amplitude : end;
      voice.amplitude = end;
      voice.stream.read(count, (channel, samples, place) => {
        const sum = sums[channel];
        for (let i = 0; i < samples.length; i += 1) {
          sum[place + i] += samples[i] * (begin + (end - begin) * (place + i + 1) / count);
        }
      });
    }
    this.started = true;
    this.leaving = this.leaving.filter(voice => voice.presence > 0);
    this.current = current.filter(voice =>
      voice.number === 0 || voice.preparing || mixture.shares[voice.number] > 0);
  }

  process(_, [outputs]) {
    const { model } = this, count = outputs[0].length;
    if (this.sums?.[0].length !== count) {
      this.sums = Array.from({ length: model.channels }, () => new Float64Array(count));
    }
    for (const sum of this.sums) sum.fill(0);
    this.mixture.follow(count / model.sampleRate);
    this.prepare(count);
    this.mix(this.sums, count);
    const { factors } = model.arrays;
    outputs.forEach((output, row) => {
      for (let i = 0; i < count; i += 1) {
        let value = 0;
        for (let channel = 0; channel < model.channels; channel += 1) {
          value += factors[row * model.channels + channel] * this.sums[channel][i];
        }
        output[i] = roundOff(value, model.knee, model.fullScale);
        this.peak = Math.max(this.peak, Math.abs(output[i]));
      }
    });
    this.recorder?.add(outputs);
    this.sinceReport += count;
    if (this.sinceReport >= model.sampleRate / 20) this.report();
    return true;
  }

  report() {
    this.port.postMessage({ position: this.current[0].stream.position, peak: this.peak });
    this.sinceReport = this.peak = 0;
  }
}
TextureProcessor.FADE_SECONDS = 0.03;

// Sends what is heard, in blocks, to the page.
class Recorder {
  constructor(model, port) {
    this.port = port;
    this.begin(model.outputs);
  }

  begin(channels) {
    this.samples = Array.from({ length: channels }, () => new Float32Array(Recorder.BLOCK));
    this.filled = 0;
  }

  add(outputs) {
    const count = outputs[0].length;
    if (this.filled + count > Recorder.BLOCK) this.send();
    outputs.forEach((output, row) => this.samples[row].set(output, this.filled));
    this.filled += count;
  }

  send() {
    const recorded = this.samples.map(samples => samples.slice(0, this.filled));
    this.port.postMessage({ recorded }, recorded.map(samples => samples.buffer));
    this.begin(recorded.length);
  }

  finish() {
    this.send();
    this.port.postMessage({ finished: true });
  }
}
Recorder.BLOCK = 8192;

registerProcessor('texture', TextureProcessor);
