// The last calls of a route as they run, and one of them drawn whole.
import { el, keyed, mark, replace, say, svg } from './dom.js';
import { Poll } from './poll.js';
import { Timeline } from './timeline.js';
import { ago, glyph, ms, phrase, tone } from './words.js';

const shown = 40; // rows at once
const kept = 400; // calls in memory

const filters = {
  all: ['all calls', () => true],
  troubled: ['not complete', (c) => c.outcome !== 'complete'],
  repeated: ['retried or hedged', (c) => c.lanes.some((l) => (l.attempts || []).length > 1)],
  waited: ['waited', (c) => c.lanes.some((l) => l.queued)],
  differing: ['a shadow differs', (c) => c.lanes.some((l) => l.compared === 'outcome' || l.compared === 'body')],
};

export class CallsView {
  constructor(namespace, name) {
    this.calls = new Map();
    this.backends = new Map();
    this.cursor = '';
    this.follow = true;
    this.summary = el('p.note');
    this.list = el('ol.calls', { role: 'listbox', tabindex: '0', 'aria-label': 'Calls, the youngest first', onkeydown: (e) => this.key(e) });
    this.empty = el('p.empty', {}, 'No call yet since you look. Calls are kept only while somebody does.');
    this.timeline = new Timeline();
    this.filter = el('select', { id: 'which', onchange: () => this.draw() }, ...Object.entries(filters).map(([key, [text]]) => el('option', { value: key }, text)));
    this.pause = el('button', { type: 'button', 'aria-pressed': 'false', onclick: () => this.hold(!this.held) }, 'Pause');
    this.newest = el('button', { type: 'button', 'aria-pressed': 'true', onclick: () => this.choose(null) }, 'Follow the newest');
    this.node = el('section.card', { 'aria-labelledby': 'live' },
      el('div.head', {}, el('h2', { id: 'live' }, 'Live calls'), el('div.bar', {}, el('label', { for: 'which' }, 'Show'), this.filter, this.newest, this.pause)),
      this.summary, this.empty, el('div.live', {}, this.list, this.timeline.node));
    const path = `api/routes/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/calls`;
    this.poll = new Poll(1000, () => `${path}?cursor=${encodeURIComponent(this.cursor)}`, (value) => this.take(value), (error) => say(this.summary, error));
  }

  stop() {
    this.poll.stop();
    this.timeline.stop();
  }

  take(value) {
    this.cursor = value.cursor;
    for (const b of value.backends) this.backends.set(b.name, b);
    const open = new Set();
    for (const c of value.calls) {
      const id = `${c.proxy}/${c.id}`;
      c.key = id;
      c.at = Date.now() - c.ageMs;
      if (c.open) open.add(id);
      this.calls.set(id, c);
    }
    for (const [id, c] of this.calls) if (c.open && !open.has(id)) this.calls.delete(id); // its proxy forgot it
    const sorted = [...this.calls.values()].sort((a, b) => b.at - a.at);
    this.calls = new Map(sorted.slice(0, kept).map((c) => [c.key, c]));
    const notes = [];
    if (value.missed) notes.push(`of busier seconds only some calls are shown: ${value.missed.toLocaleString('en-US')} were not looked at`);
    for (const text of value.silent || []) notes.push(text);
    say(this.summary, notes.join('; '));
    if (!this.held) this.draw();
  }

  draw() {
    const test = filters[this.filter.value][1];
    const rows = [...this.calls.values()].filter(test).slice(0, shown);
    this.empty.hidden = this.calls.size > 0;
    const chosen = this.follow ? rows.find((c) => !c.open) || rows[0] : this.calls.get(this.chosen);
    this.rows = rows;
    keyed(this.list, rows, (c) => c.key, (c) => this.create(c), (node, c) => this.update(node, c, chosen));
    mark(this.list, 'aria-activedescendant', chosen && rows.includes(chosen) ? rowID(chosen) : null);
    if (chosen) this.timeline.draw(chosen);
    this.chosen = chosen ? chosen.key : null;
    mark(this.newest, 'aria-pressed', String(this.follow));
  }

  create(c) {
    const row = el('li', { role: 'option', id: rowID(c), onclick: () => this.choose(c.key) });
    row.parts = [el('span.age'), el('span.what', {}, el('strong', {}, c.method), ' ', c.rule.replace(/^(PathPrefix|Exact) /, '')), el('span.mini', { 'aria-hidden': 'true' }), el('span.became'), el('span.took')];
    row.append(...row.parts);
    return row;
  }

  update(row, c, chosen) {
    const [age, , mini, became, took] = row.parts;
    say(age, ago(Date.now() - c.at));
    replace(mini, [c.open, c.endedMs, c.lanes.length], () => small(c));
    const word = c.outcome || 'pending';
    replace(became, [word, c.status], () => el(`span.tag.${tone(word)}`, {}, `${glyph(word)} ${phrase(word)}${c.status ? ' ' + c.status : ''}`));
    say(took, c.respondedMs ? ms(c.respondedMs) : 'running');
    mark(row, 'aria-selected', String(c === chosen));
  }

  // choose shows one call, or follows the newest.
  choose(key) {
    this.follow = key === null;
    this.chosen = key;
    this.draw();
  }

  hold(held) {
    this.held = held;
    mark(this.pause, 'aria-pressed', String(held));
    say(this.pause, held ? 'Go on' : 'Pause');
    if (!held) this.draw();
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || this.rows.length === 0) return;
    event.preventDefault();
    const at = this.rows.findIndex((c) => c.key === this.chosen);
    this.choose(this.rows[Math.min(Math.max(at + step, 0), this.rows.length - 1)].key);
    const row = document.getElementById(rowID(this.calls.get(this.chosen)));
    if (row) row.scrollIntoView({ block: 'nearest' });
  }
}

function rowID(c) { return 'call-' + c.key.replace(/[^a-z0-9-]/gi, '-'); }

// small is a call as a few lines.
function small(c) {
  const width = 88;
  const total = Math.max(c.endedMs || 0, c.respondedMs || 0, ...c.lanes.map((l) => l.endedMs || 0), 0.1);
  const lanes = c.lanes.slice(0, 6);
  const height = lanes.length * 5 + 1;
  const at = (t) => (t / total) * width;
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height }, ...lanes.flatMap((l, i) => (l.attempts || []).map((a) =>
    svg(`rect.attempt.${a.fate || 'open'}`, { x: at(a.begunMs), y: i * 5 + 1, width: Math.max(at((a.endedMs || total) - a.begunMs), 1.5), height: 3, rx: 1 }))),
  c.decided ? svg('line.decided', { x1: at(c.decided.ms), x2: at(c.decided.ms), y1: 0, y2: height }) : '');
}
