// Asking the server again and again, as long as somebody looks.

// Poll asks for a path, one question at a time, and tells what came of it.
export class Poll {
  constructor(every, path, tell, fail) {
    Object.assign(this, { every, path, tell, fail, stopped: false, timer: 0, at: 0, error: '' });
    this.wake = () => { if (!document.hidden) this.soon(0); };
    document.addEventListener('visibilitychange', this.wake);
    this.ask();
  }

  async ask() {
    clearTimeout(this.timer);
    if (this.stopped || this.asking) return;
    if (document.hidden) return; // wake comes back to it
    this.asking = new AbortController();
    const heard = await this.hear(this.asking.signal);
    if (this.stopped) return;
    this.error = heard.error;
    this.asking = null;
    this.soon(this.every); // whatever becomes of this answer where it is drawn
    if (!heard.error) {
      this.at = Date.now();
      this.tell(heard.value);
    } else if (this.fail) {
      this.fail(heard.error);
    }
  }

  // hear is what the server says, or why nothing is known.
  async hear(signal) {
    try {
      const response = await fetch(this.path(), { signal, cache: 'no-store' });
      const value = await response.json();
      return { value, error: response.ok ? '' : value.error || response.statusText };
    } catch {
      return { error: 'the server of this page does not answer' };
    }
  }

  soon(after) {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => this.ask(), after);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    document.removeEventListener('visibilitychange', this.wake);
    if (this.asking) this.asking.abort();
  }
}
