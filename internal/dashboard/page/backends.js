// The backends of a route as lanes that stand in line: what became of their answers, how long
// they took on one scale, how that went over the last minutes, and what their limits have left.
import { Course } from './course.js';
import { el, keyed, mark, replace, say, svg } from './dom.js';
import { count, glyph, ms, phrase, tone } from './words.js';

const columns = [['Backend', ''], ['Success', 'number'], ['Answers', 'wide'], ['p50 · p95 · p99', 'wide'], ['Last 10 minutes, seen here', 'past'], ['Now', ''], ['Last failure', '']];
const width = 232;

export class Backends {
  constructor() {
    this.body = el('tbody');
    this.axis = el('th.wide', { scope: 'col' });
    this.node = el('div.scroll', { tabindex: '0', role: 'region', 'aria-labelledby': 'backends' }, el('table.lanes', {},
      el('caption.hidden', {}, 'Backends with their answers, latencies and limits'),
      el('thead', {}, el('tr', {}, ...columns.map(([text, kind], i) => (i === 3 ? this.axis : el('th' + (kind ? '.' + kind : ''), { scope: 'col' }, text))))),
      this.body));
  }

  // draw shows the backends of a window, as they were heard of at a time; now is what /calls says
  // of their limits, by name.
  draw(route, window, at, now) {
    const scale = scaleOf(route.backends.map((b) => b.windows[window]));
    replace(this.axis, [scale.from, scale.to], () => [el('span', {}, columns[3][0]), axis(scale)]);
    keyed(this.body, route.backends, (b) => b.name, create, (row, b) => {
      row.course.add(at, b.windows['1m']);
      update(row, b, b.windows[window], scale, now.get(b.name));
    });
  }
}

// scaleOf is a logarithmic scale that has room for all lanes, between powers of ten.
function scaleOf(list) {
  const values = list.flatMap((f) => (f ? [f.p50, f.p99] : [])).filter((v) => v > 0);
  const from = values.length ? Math.floor(Math.log10(Math.min(...values))) : 0;
  const to = values.length ? Math.max(Math.ceil(Math.log10(Math.max(...values))), from + 1) : 3;
  return { from, to, at: (value) => 6 + (width - 12) * Math.min(1, Math.max(0, (Math.log10(value) - from) / (to - from))) };
}

function axis(scale) {
  const marks = [];
  for (let power = scale.from; power <= scale.to; power++) {
    const x = scale.at(10 ** power);
    const anchor = power === scale.from ? 'start' : power === scale.to ? 'end' : 'middle';
    marks.push(svg('line.grid', { x1: x, x2: x, y1: 13, y2: 18 }), svg('text.tick', { x, y: 10, 'text-anchor': anchor }, tick(10 ** power)));
  }
  return svg('svg.axis', { viewBox: `0 0 ${width} 18`, width, height: 18, 'aria-hidden': 'true' }, ...marks);
}

function tick(value) { return value < 1000 ? `${value} ms` : `${value / 1000} s`; }

function create(b) {
  const row = el('tr' + (b.shadow ? '.shadow' : ''));
  row.parts = columns.slice(1).map(([, kind]) => el('td' + (kind ? '.' + kind : '')));
  row.state = el('span.state');
  row.course = new Course();
  row.append(el('th', { scope: 'row' }, el('strong', {}, b.name), b.shadow ? el('span.tag.calm', {}, 'shadow') : '', row.state), ...row.parts);
  return row;
}

function update(row, b, f, scale, now) {
  const [success, answers, latency, past, limits, failure] = row.parts;
  replace(row.state, b.state || '', () => (b.state ? el(`span.tag.${tone(b.state)}`, {}, b.state) : []));
  say(success, (f && f.success) || '–');
  replace(answers, [f && f.counts, b.compared], () => [outcomes(f ? f.counts : [], 'No answer in this time'), b.compared ? compared(b.compared) : '']);
  replace(latency, [f && [f.p50, f.p95, f.p99], scale.from, scale.to], () => band(b.name, f, scale));
  row.course.draw(past);
  const facts = limitsOf(b, now);
  replace(limits, facts, () => facts.map(([kind, text]) => el(`span.tag.${kind}`, {}, text)));
  say(failure, b.lastFailure || '–');
  mark(failure, 'class', b.lastFailure ? 'failure' : 'failure calm');
}

// outcomes is a bar of what became of answers, with the same as text below.
function outcomes(counts, none) {
  const total = counts.reduce((sum, c) => sum + c.n, 0);
  if (total === 0) return el('span.calm', {}, none);
  const bar = el('div.stack', { 'aria-hidden': 'true' });
  for (const c of counts) {
    const part = el(`span.part.${c.outcome}`);
    part.style.flexGrow = String(c.n / total);
    bar.append(part);
  }
  const words = el('ul.counts', {}, ...counts.map((c) => el('li', {},
    el(`span.key.${c.outcome}`, { 'aria-hidden': 'true' }), `${phrase(c.reason || c.outcome)} ${count(c.n)}`)));
  return el('div', {}, bar, words);
}

// compared says how a shadow's answers stand to those of its reference.
function compared(counts) {
  return el('p.compared', {}, 'compared: ', ...counts.filter((c) => c.n > 0).map((c) => el(`span.tag.${tone(c.outcome)}`, {}, `${glyph(c.outcome)} ${phrase(c.outcome)} ${count(c.n)}`)));
}

// band draws p50 to p95 thick and up to p99 thin, on the scale of all lanes.
function band(name, f, scale) {
  if (!f || !f.p50) return el('span.calm', {}, '–');
  const [a, b, c] = [f.p50, f.p95, f.p99].map(scale.at);
  const grid = [];
  for (let power = scale.from; power <= scale.to; power++) {
    const x = scale.at(10 ** power);
    grid.push(svg('line.grid', { x1: x, x2: x, y1: 0, y2: 16 }));
  }
  return el('div', {},
    svg('svg.band', { viewBox: `0 0 ${width} 16`, width, height: 16, 'aria-hidden': 'true' }, ...grid,
      svg('rect.far', { x: a, y: 6, width: Math.max(c - a, 2), height: 4, rx: 2 }),
      svg('rect.near', { x: a, y: 3.5, width: Math.max(b - a, 3), height: 9, rx: 3 }),
      svg('line.median', { x1: a, x2: a, y1: 1, y2: 15 })),
    el('span.values', {}, `${ms(f.p50)} · ${ms(f.p95)} · ${ms(f.p99)}`));
}

// limitsOf is how breaker, slots, queue and rate stand.
function limitsOf(b, now) {
  const list = [];
  const circuit = (now && now.circuit) || b.circuit;
  if (circuit) list.push([tone(circuit), `${glyph(circuit)} circuit ${phrase(circuit)}`]);
  if (now && now.slots) list.push([now.busy >= now.slots ? 'warn' : 'calm', `${count(now.busy || 0)} of ${count(now.slots)} slots`]);
  if (now && now.places) list.push([now.queued ? 'warn' : 'calm', `${count(now.queued || 0)} of ${count(now.places)} waiting`]);
  if (now && now.burst) {
    const left = Math.max(0, Math.floor(now.tokens || 0));
    list.push([left === 0 ? 'warn' : 'calm', `${count(left)} of ${count(now.burst)} tokens`]);
  }
  if (list.length === 0) list.push(['none', 'no limits']);
  return list;
}
