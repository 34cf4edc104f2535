// The comparison above a page's players: one sound at a time, all at one level, switched at the
// same moment. The sounds are those of the players; a loop is played without a gap.
(() => {
  'use strict';
  const FADE = 0.008;  // seconds in which one sound takes over from another

  class Comparison {
    constructor(box) {
      this.players = [...box.querySelectorAll('audio')];
      this.bar = box.querySelector('.compare');
      const names = ['picks', 'play', 'position', 'clock', 'tour', 'keep', 'chosen'];
      for (const name of names) this[name] = this.bar.querySelector('.' + name);
      this.current = 0;     // the number of the sound that is chosen to be heard
      this.stoppedAt = 0;   // seconds, where the next play begins
      this.startedAt = 0;   // the context's time at which position 0 was, while it plays
      this.voice = null;    // what is heard
      this.request = 0;     // the latest wish: an older one that is still decoding is dropped
      this.buffers = [];
      this.buttons = this.players.map((player, number) => {
        const button = this.picks.appendChild(document.createElement('button'));
        button.type = 'button';
        button.textContent = player.dataset.title;
        button.onclick = () => this.pick(number);
        return button;
      });
      this.play.onclick = () => this.toggle();
      this.position.oninput = () => this.seek(this.position.value * this.duration());
      if (this.tour) this.tour.onchange = () => this.repeat();
      if (this.keep) this.keep.onclick = () => this.choose();
      setInterval(() => this.tick(), 50);
      this.bar.hidden = false;
      this.show();
    }

    now() {
      return this.voice ? this.context.currentTime - this.startedAt : this.stoppedAt;
    }

    duration() {
      const player = this.players[this.current];
      return this.voice?.source.buffer.duration || player.duration || 1;
    }

    openContext() {
      if (this.context) return;
      // At the sounds' own rate a loop is not resampled, which would leave a click at its seam.
      const sampleRate = Math.max(...this.players.map(player => Number(player.dataset.rate)));
      try {
        this.context = new AudioContext({ sampleRate });
      } catch {
        this.context = new AudioContext();
      }
    }

    async decode(number) {
      const text = atob(this.players[number].src.split(',')[1]);
      const bytes = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
      const buffer = await this.context.decodeAudioData(bytes.buffer);
      if (!this.players[number].loop) fadeEnds(buffer);
      return buffer;
    }

    // Lets the current sound be heard from where the one before is, or from where it was stopped.
    async start() {
      this.request += 1;
      const own = this.request;
      try {
        this.openContext();
        this.context.resume().catch(() => {});
        this.buffers[this.current] ??= this.decode(this.current);
        const buffer = await this.buffers[this.current];
        if (own !== this.request) return;
        const time = this.context.currentTime;
        if (!this.voice) this.startedAt = time - this.stoppedAt;
        const place = (time - this.startedAt) % buffer.duration;
        this.silence();
        const source = this.context.createBufferSource();
        const gain = this.context.createGain();
        const level = Number(this.players[this.current].dataset.gain);
        source.buffer = buffer;
        source.connect(gain).connect(this.context.destination);
        gain.gain.setValueAtTime(0, time);
        gain.gain.linearRampToValueAtTime(level, time + FADE);
        this.voice = { source, gain, level };
        this.repeat();
        source.start(time, place);
        this.bar.dataset.playing = this.current;
      } catch {
        this.stop();
        this.clock.textContent = 'This browser cannot compare them; use the players below.';
        return;
      }
      this.show();
    }

    silence() {
      if (!this.voice) return;
      const { source, gain, level } = this.voice;
      const time = this.context.currentTime;
      gain.gain.cancelScheduledValues(time);
      gain.gain.setValueAtTime(level, time);
      gain.gain.linearRampToValueAtTime(0, time + FADE);
      source.stop(time + FADE);
      this.voice = null;
    }

    stop() {
      this.request += 1;
      this.stoppedAt = this.now() % this.duration();
      this.silence();
      delete this.bar.dataset.playing;
      this.show();
    }

    toggle() {
      if (this.voice) {
        this.stop();
      } else {
        pauseOthers(null);
        this.start();
      }
    }

    pick(number) {
      this.current = (number + this.players.length) % this.players.length;
      if (this.voice) this.start();
      this.show();
    }

    seek(seconds) {
      this.stoppedAt = seconds;
      if (!this.voice) return;
      this.silence();
      this.start();
    }

    repeat() {
      if (this.voice) this.voice.source.loop = !this.tour?.checked;
    }

    choose() {
      const player = this.players[this.current];
      this.buttons.forEach(button => button.classList.remove('kept'));
      this.buttons[this.current].classList.add('kept');
      this.chosen.textContent = 'Chosen: ' + player.dataset.choice;
    }

    tick() {
      if (!this.voice) return;
      if (this.tour?.checked && this.now() >= this.duration()) {
        this.current = (this.current + 1) % this.players.length;
        this.seek(0);
      }
      this.showPosition();
    }

    showPosition() {
      const duration = this.duration();
      const place = this.now() % duration;
      this.position.value = place / duration;
      this.clock.textContent = `${place.toFixed(1)} s`;
    }

    show() {
      this.buttons.forEach((button, number) =>
        button.setAttribute('aria-pressed', number === this.current));
      this.play.textContent = this.voice ? 'Stop' : 'Play';
      if (this.keep) this.keep.disabled = !this.players[this.current].dataset.choice;
      this.showPosition();
    }
  }

  // A sound that is no loop would click where it is repeated.
  function fadeEnds(buffer) {
    const length = Math.min(Math.round(0.005 * buffer.sampleRate), buffer.length >> 1);
    for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
      const samples = buffer.getChannelData(channel);
      for (let i = 0; i < length; i += 1) {
        samples[i] *= i / length;
        samples[buffer.length - 1 - i] *= i / length;
      }
    }
  }

  function pauseOthers(played) {
    for (const player of document.querySelectorAll('audio')) {
      if (player !== played) player.pause();
    }
  }

  const comparisons = [...document.querySelectorAll('.listen')].map(box => new Comparison(box));

  // One sound at a time: a player stops the comparison and the other players.
  document.addEventListener('play', event => {
    comparisons.forEach(comparison => comparison.voice && comparison.stop());
    pauseOthers(event.target);
  }, true);

  document.addEventListener('keydown', event => {
    const isTyping = event.target instanceof Element &&
      event.target.closest('select, textarea, input:not([type=range], [type=checkbox])');
    const [comparison] = comparisons;
    if (!comparison || isTyping || event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    const number = Number(key) - 1;
    if (key === 'x') comparison.pick(comparison.current + (event.shiftKey ? -1 : 1));
    else if (key === 'p') comparison.toggle();
    else if (comparison.buttons[number]) comparison.pick(number);
  });
})();
