// How the page writes numbers, times and outcomes. A glyph stands beside each colour.

const glyphs = {
  succeeded: '✓', complete: '✓', won: '✓', same: '✓', True: '✓', closed: '✓',
  failed: '✕', unmet: '✕', outcome: '≠', body: '≠', False: '✕', open: '✕',
  rejected: '⊘', refused: '⊘', partial: '◐', halfOpen: '◐',
  canceled: '–', clientClosed: '–', skipped: '·', lost: '–', incomparable: '·', pending: '…', Unknown: '?',
};

export function glyph(word) { return glyphs[word] || '•'; }

const tones = {
  succeeded: 'good', complete: 'good', won: 'good', same: 'good', True: 'good', closed: 'good', Healthy: 'good',
  failed: 'bad', False: 'bad', open: 'bad', outcome: 'bad', body: 'bad', Failing: 'bad', Open: 'bad', MissingCredential: 'bad',
  rejected: 'warn', refused: 'warn', partial: 'warn', halfOpen: 'warn', Unknown: 'warn', Degraded: 'warn', Slow: 'warn',
};

// tone is good, bad, warn or calm.
export function tone(word) { return tones[word] || 'calm'; }

// phrase is how people say a word of ours.
export function phrase(word) {
  return {
    clientClosed: 'client left', rateLimited: 'rate limited', circuitOpen: 'circuit open', tooLarge: 'too large',
    forbiddenAddress: 'forbidden address', halfOpen: 'half open', outcome: 'other outcome', body: 'other body',
  }[word] || word;
}

// ms writes a time in milliseconds, with two or three digits.
export function ms(value) {
  if (!value) return '–';
  if (value < 0.1) return '<0.1 ms';
  if (value < 10) return value.toFixed(1) + ' ms';
  if (value < 1000) return Math.round(value) + ' ms';
  if (value < 60000) return (value / 1000).toFixed(value < 10000 ? 2 : 1) + ' s';
  return Math.round(value / 60000) + ' min';
}

// ago writes how long something is past, from milliseconds.
export function ago(age) {
  const s = Math.max(0, Math.round(age / 1000));
  if (s < 60) return s + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min';
  if (s < 172800) return Math.floor(s / 3600) + ' h';
  return Math.floor(s / 86400) + ' d';
}

// count writes a number that people read: 1,234.
export function count(n) { return n.toLocaleString('en-US'); }

// steps are round values between two, for the ticks of an axis.
export function steps(to, about) {
  const rough = to / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough) || power * 10;
  const list = [];
  for (let at = 0; at <= to; at += step) list.push(at);
  return list;
}
