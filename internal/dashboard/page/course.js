// How a backend did over the last minutes: its success rate and its p95, each point of the minute
// before it. The proxies keep no course, so this one begins when somebody looks, and has a gap
// where nobody did or nothing was heard.
import { el, replace, svg } from './dom.js';
import { ms } from './words.js';

const span = 600000; // milliseconds that are shown
const every = 10000; // between two points, of which there are sixty at most
const apart = 3 * every; // farther than that nothing is known of what is between
const [width, height] = [104, 18];

export class Course {
  constructor() {
    this.points = [];
  }

  // add keeps what was heard at a time, by the clock of the page.
  add(at, f) {
    const last = this.points.at(-1);
    if (last && at < last.at) this.points = []; // the clock was set back
    else if (last && at < last.at + every) return;
    this.points = this.points.filter((p) => p.at > at - span);
    this.points.push({ at, share: f && f.share, success: f && f.success, p95: (f && f.p95) || undefined });
  }

  draw(node) {
    const last = this.points.at(-1);
    replace(node, last ? last.at : 0, () => {
      const heard = this.points.filter((p) => p.share !== undefined);
      if (heard.length === 0) return el('span.calm', {}, '–');
      const lowest = heard.reduce((a, b) => (b.share < a.share ? b : a));
      const highest = Math.max(0, ...heard.map((p) => p.p95 || 0));
      return [
        row('rate', `lowest ${lowest.success}`, this.points, (p) => p.share),
        row('slow', highest ? `p95 to ${ms(highest)}` : 'p95 –', this.points, (p) => p.p95 && p.p95 / highest),
      ];
    });
  }
}

function row(kind, text, points, level) {
  const list = runs(points, level);
  return el('div', {}, svg(`svg.course.${kind}`, { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' },
    svg('line.grid', { x1: 0, x2: width, y1: height - 1.5, y2: height - 1.5 }),
    svg('path.lost', { d: list.map((r) => `M${r[0][0]} 2L${r.join('L')}L${r.at(-1)[0]} 2Z`).join('') }),
    svg('path.line', { d: list.map((r) => `M${r.join('L')}${r.length === 1 ? 'h0' : ''}`).join('') })), el('span', {}, text));
}

// runs are the points whose level is known, from 0 to 1, as places of the drawing: those that a
// line joins together. One that stands alone is a dot.
function runs(points, level) {
  const now = points.at(-1).at;
  const list = [];
  let before = null;
  for (const p of points) {
    const at = level(p);
    if (at === undefined) {
      before = null;
      continue;
    }
    if (!before || p.at - before.at > apart) list.push([]);
    list.at(-1).push([(2 + (width - 4) * (1 - (now - p.at) / span)).toFixed(1), (2 + (height - 4) * (1 - at)).toFixed(1)]);
    before = p;
  }
  return list;
}
