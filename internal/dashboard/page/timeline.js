// One call drawn whole: a lane for each backend, on one scale of time.
import { el, replace, say, svg } from './dom.js';
import { glyph, ms, phrase, steps, tone } from './words.js';

const left = 148; // of the names
const right = 132; // of the outcomes
const top = 44;
const line = 22; // of attempts side by side

export class Timeline {
  constructor() {
    this.title = el('p.call', { id: 'call-title' });
    this.picture = el('div.picture');
    this.words = el('div');
    this.node = el('div.timeline', { hidden: true }, this.title, this.picture, legend(),
      el('details', {}, el('summary', {}, 'The same as a table'), this.words));
    this.watch = new ResizeObserver(() => this.again());
    this.watch.observe(this.picture);
  }

  stop() { this.watch.disconnect(); }

  draw(c) {
    this.node.hidden = false;
    this.call = c;
    say(this.title, titleOf(c));
    this.again();
    replace(this.words, c, () => words(c));
  }

  again() {
    const width = this.picture.clientWidth;
    if (!this.call || width === 0) return;
    const c = this.call;
    replace(this.picture, [c.key, c.open && Date.now(), width, c.endedMs], () => picture(c, Math.max(width, 480)));
  }
}

function titleOf(c) {
  const outcome = c.outcome ? `${phrase(c.outcome)} ${c.status}` : 'under way';
  return `${c.method} ${c.rule.replace(/^(PathPrefix|Exact) /, '')}: ${outcome}${c.respondedMs ? ` after ${ms(c.respondedMs)}` : ''}${c.proxy ? `, by ${c.proxy}` : ''}`;
}

function decidedBy(c) {
  if (!c.decided) return '';
  return { answer: c.decided.backend ? `by ${c.decided.backend}` : 'by answers', refusals: 'by refusals', timeout: 'by the timeout', clientClosed: 'the client left', stop: 'the proxy stops' }[c.decided.decider] || '';
}

// rowsOf puts attempts that overlap beside each other.
function rowsOf(l, total) {
  const ends = [];
  return (l.attempts || []).map((a) => {
    let row = ends.findIndex((end) => end <= a.begunMs);
    if (row < 0) row = ends.length;
    ends[row] = a.endedMs || total;
    return { a, row };
  });
}

function picture(c, width) {
  const total = 1.02 * Math.max(0.5, c.endedMs || c.ageMs || 0, c.respondedMs || 0, ...c.lanes.map((l) => Math.max(l.endedMs || 0, ...(l.attempts || []).map((a) => a.endedMs || 0))));
  const room = width - left - right;
  const at = (t) => left + (t / total) * room;
  let y = top;
  const lanes = c.lanes.map((l) => {
    const attempts = rowsOf(l, total);
    const height = Math.max(1, ...attempts.map((r) => r.row + 1)) * line + 14;
    const drawn = lane(l, attempts, y, height, at, total, width);
    y += height;
    return drawn;
  });
  const ticks = steps(total, Math.max(3, Math.floor(room / 76))).map((t) => svg('g', {},
    svg('line.grid', { x1: at(t), x2: at(t), y1: top - 4, y2: y }),
    svg('text.tick', { x: at(t), y: top - 10, 'text-anchor': 'middle' }, t === 0 ? '0' : ms(t))));
  return svg('svg', { width, height: y + 6, viewBox: `0 0 ${width} ${y + 6}`, role: 'img', 'aria-label': spoken(c) },
    patterns(), ...ticks, ...lanes, ...moments(c, at, y, width));
}

// moments are when the call was decided and responded to.
function moments(c, at, bottom, width) {
  const list = [];
  if (c.respondedMs) {
    const x = at(c.respondedMs);
    list.push(svg('line.responded', { x1: x, x2: x, y1: top - 4, y2: bottom }));
  }
  if (c.decided) {
    const x = at(c.decided.ms);
    const late = x > width - right - 150;
    list.push(svg('line.decided', { x1: x, x2: x, y1: 12, y2: bottom }), svg('path.decided', { d: `M${x - 4} 8h8l-4 6z` }),
      svg('text.moment', { x: late ? x - 8 : x + 8, y: 16, 'text-anchor': late ? 'end' : 'start' }, `decided ${decidedBy(c)} · ${ms(c.decided.ms)}`));
  }
  return list;
}

function lane(l, attempts, y, height, at, total, width) {
  const middle = y + height / 2;
  const parts = [svg('line.rule', { x1: 0, x2: width, y1: y + height, y2: y + height }),
    svg('text.name', { x: 0, y: middle + (l.shadow ? -2 : 4) }, short(l.backend)),
  ];
  if (l.shadow) parts.push(svg('text.sub', { x: 0, y: middle + 12 }, 'shadow'));
  const end = l.endedMs || total / 1.02;
  if (l.reservedMs) parts.push(svg('line.life', { x1: at(l.reservedMs), x2: at(Math.max(end, l.reservedMs)), y1: middle, y2: middle }));
  if (l.queued) {
    const [from, to] = [l.queued.fromMs, l.queued.toMs || end];
    parts.push(svg('rect.queued', { x: at(from), y: middle - 5, width: Math.max(at(to) - at(from), 2), height: 10, rx: 2 }));
    if (at(to) - at(from) > 46) parts.push(svg('text.inside.dark', { x: (at(from) + at(to)) / 2, y: middle + 4, 'text-anchor': 'middle' }, 'waited'));
  }
  for (const { a, row } of attempts) parts.push(attempt(a, y + 10 + row * line, at, total));
  const word = l.outcome;
  parts.push(svg(`text.outcome.${tone(word)}`, { x: width - right + 12, y: middle + (l.compared || l.reason ? -2 : 4) }, `${glyph(word)} ${phrase(word)}${l.status ? ' ' + l.status : ''}`));
  const more = l.compared ? (l.compared === 'same' ? 'same answer' : phrase(l.compared)) : l.reason && l.reason !== 'status' ? phrase(l.reason) : l.reason ? `after ${ms(l.endedMs)}` : '';
  if (more) parts.push(svg('text.sub', { x: width - right + 12, y: middle + 12 }, more));
  return svg('g', {}, ...parts);
}

function attempt(a, y, at, total) {
  const end = a.endedMs || total / 1.02;
  const x = at(a.begunMs);
  const wide = Math.max(at(end) - x, 3);
  const fate = a.fate || 'open';
  const parts = [svg(`rect.attempt.${fate}`, { x, y, width: wide, height: line - 6, rx: 3 })];
  const ready = a.connectedMs ? at(a.connectedMs) : 0;
  if (ready - x > 2) parts.push(svg('rect.connecting', { x, y, width: Math.min(ready - x, wide), height: line - 6, rx: 3 }));
  if (a.headMs && at(a.headMs) - x > 2 && at(end) - at(a.headMs) > 3) parts.push(svg('line.first', { x1: at(a.headMs), x2: at(a.headMs), y1: y + 2, y2: y + line - 8 }));
  const text = labelOf(a);
  const from = Math.max(7, ready - x + 4);
  const fits = wide > text.length * 6.4 + from + 3;
  parts.push(svg(`text.${fits ? 'inside' : 'beside'}.${fate}`, { x: fits ? x + from : x + wide + 5, y: y + 12 }, fits ? text : shortLabel(a)));
  return svg('g', {}, svg('title', {}, `${a.kind}: ${a.fate || 'under way'}${a.reason ? ' ' + phrase(a.reason) : ''}, ${ms(a.begunMs)} to ${ms(end)}`), ...parts);
}

function labelOf(a) {
  const what = a.kind === 'first' ? '' : a.kind + ' ';
  return `${what}${glyph(a.fate || 'pending')} ${a.status || phrase(a.reason || a.fate || 'under way')}`;
}

function shortLabel(a) { return a.kind === 'first' ? '' : a.kind; }

function short(name) { return name.length > 19 ? name.slice(0, 18) + '…' : name; }

// patterns tell the fates apart without colour.
function patterns() {
  const striped = (id) => svg('pattern', { id, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    svg('rect.ground', { width: 6, height: 6 }), svg('rect.stripe', { width: 2.4, height: 6 }));
  return svg('defs', {}, striped('stripes'));
}

// spoken says the whole drawing in words.
function spoken(c) {
  const lanes = c.lanes.map((l) => `${l.backend}${l.shadow ? ', a shadow,' : ''} ${phrase(l.outcome)}${l.reason ? ' ' + phrase(l.reason) : ''}${l.endedMs ? ' after ' + ms(l.endedMs) : ''}${(l.attempts || []).length > 1 ? ` in ${l.attempts.length} attempts` : ''}`);
  return `${titleOf(c)}. ${c.decided ? `Decided ${decidedBy(c)} after ${ms(c.decided.ms)}. ` : ''}${lanes.join('; ')}.`;
}

// words is the drawing as a table.
function words(c) {
  const rows = c.lanes.flatMap((l) => {
    const first = [`${l.backend}${l.shadow ? ' (shadow)' : ''}`, l.reservedMs ? 'reserved' : 'refused', ms(l.reservedMs || l.endedMs), ms(l.endedMs), `${phrase(l.outcome)}${l.reason ? ' ' + phrase(l.reason) : ''}${l.status ? ' ' + l.status : ''}${l.compared ? `, compared: ${phrase(l.compared)}` : ''}`];
    const waited = l.queued ? [['', 'waited', ms(l.queued.fromMs), ms(l.queued.toMs), '']] : [];
    const tries = (l.attempts || []).map((a) => ['', a.kind === 'first' ? 'first attempt' : a.kind, ms(a.begunMs), ms(a.endedMs), `${a.fate || 'under way'}${a.status ? ' ' + a.status : ''}${a.reason ? ' ' + phrase(a.reason) : ''}`]);
    return [first, ...waited, ...tries];
  });
  const cells = (list) => list.map((text, i) => (i === 0 && text ? el('th', { scope: 'row' }, text) : el('td', {}, text)));
  return el('table', {}, el('thead', {}, el('tr', {}, ...['Backend', 'What', 'From', 'To', 'Became'].map((t) => el('th', { scope: 'col' }, t)))),
    el('tbody', {}, ...rows.map((r) => el('tr', {}, ...cells(r)))));
}

function legend() {
  const item = (kind, text) => el('li', {}, svg('svg', { width: 22, height: 12, 'aria-hidden': 'true' }, patterns(), svg(kind, { x: 0.5, y: 1.5, width: 21, height: 9, rx: 2 })), text);
  return el('ul.legend', { 'aria-label': 'What the bars mean' }, item('rect.attempt.won', '✓ won'), item('rect.attempt.failed', '✕ failed'), item('rect.attempt.lost', '– lost or canceled'), item('rect.queued', 'waited'),
    el('li', {}, svg('svg', { width: 12, height: 12, 'aria-hidden': 'true' }, svg('line.decided', { x1: 6, x2: 6, y1: 0, y2: 12 })), 'decided'),
    el('li', {}, svg('svg', { width: 12, height: 12, 'aria-hidden': 'true' }, svg('line.responded', { x1: 6, x2: 6, y1: 0, y2: 12 })), 'responded'));
}
