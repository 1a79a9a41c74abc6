// One route: its figures, its backends side by side, its calls, and what its status says.
import { Backends } from './backends.js';
import { CallsView } from './calls.js';
import { el, keyed, replace, say } from './dom.js';
import { Poll } from './poll.js';
import { count, glyph, ms, phrase, tone } from './words.js';

const windows = [['1m', '1 minute'], ['5m', '5 minutes'], ['1h', '1 hour']];

export class Route {
  constructor(main, namespace, name, told) {
    this.window = sessionStorage.getItem('window') || '5m';
    this.state = el('span.state');
    this.why = el('p.lead');
    this.next = el('section.next', { hidden: true, 'aria-labelledby': 'next' });
    this.figures = el('dl.figures');
    this.backends = new Backends();
    this.calls = new CallsView(namespace, name);
    this.status = el('div.pair');
    main.replaceChildren(
      el('nav.crumbs', { 'aria-label': 'Where you are' }, el('a', { href: '#/' }, 'Routes'), el('span', { 'aria-hidden': 'true' }, ' › '), el('span', { 'aria-current': 'page' }, `${namespace}/${name}`)),
      el('div.title', {}, el('h1', {}, el('span.namespace', {}, namespace + '/'), name), this.state, this.why),
      this.next,
      el('section.card', { 'aria-labelledby': 'backends' },
        el('div.head', {}, el('h2', { id: 'backends' }, 'Backends'), this.choice()),
        this.figures, this.backends.node),
      this.calls.node,
      this.status,
    );
    const path = `api/routes/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
    this.poll = new Poll(2000, () => path, (value) => {
      this.value = value;
      this.draw();
      told();
    }, (error) => {
      if (!this.value) say(this.why, error);
      told();
    });
  }

  stop() {
    this.poll.stop();
    this.calls.stop();
  }

  // choice is the window that figures are of.
  choice() {
    return el('fieldset.choice', {}, el('legend.hidden', {}, 'Figures of the last'),
      ...windows.flatMap(([value, text]) => [
        el('input', { type: 'radio', name: 'window', id: `window-${value}`, value, checked: value === this.window, onchange: () => this.choose(value) }),
        el('label', { for: `window-${value}` }, text)]));
  }

  choose(window) {
    this.window = window;
    sessionStorage.setItem('window', window);
    if (this.value) this.draw();
  }

  draw() {
    const r = this.value;
    replace(this.state, [r.ready, r.bad], () => el(`span.tag.${r.bad && r.ready === 'True' ? 'warn' : tone(r.ready)}`, {},
      `${r.bad && r.ready === 'True' ? '!' : glyph(r.ready)} ${{ True: 'ready', False: 'not ready' }[r.ready] || 'unknown'}`));
    say(this.why, r.message ? `${r.reason}: ${r.message}` : r.bad ? r.reason : r.url || '');
    this.drawNext(r);
    this.drawFigures(r.windows[this.window]);
    this.backends.draw(r, this.window, this.poll.at, this.calls.backends);
    this.drawStatus(r);
  }

  drawNext(r) {
    const list = (r.next || []).concat((r.missing || []).map((m) => `Lacks ${m}`), r.untold || []);
    this.next.hidden = list.length === 0;
    replace(this.next, list, () => [el('h2', { id: 'next' }, 'What to do next'), el('ul', {}, ...list.map((text) => el('li', {}, text)))]);
  }

  drawFigures(f) {
    if (!f) {
      replace(this.figures, 'none', () => el('p.empty', {}, 'No proxy has said how the route does.'));
      return;
    }
    const list = [['Success', f.success || '–'], ['Calls', f.rate], ['p50', ms(f.p50)], ['p95', ms(f.p95)], ['p99', ms(f.p99)]]
      .concat(f.counts.map((c) => [phrase(c.outcome), count(c.n)]));
    if (this.figures.said) {
      this.figures.said = '';
      this.figures.replaceChildren();
      this.figures.keyed = null;
    }
    keyed(this.figures, list, (i) => i[0], ([name]) => {
      const item = el('div', {}, el('dt', {}, name), el('dd'));
      return item;
    }, (node, [, value]) => say(node.lastChild, value));
  }

  drawStatus(r) {
    replace(this.status, [r.conditions, r.events, r.pods], () => [
      table('Conditions', ['Condition', 'Status', 'Reason', 'Since', 'Message'], r.conditions.map((c) => [c.type, tag(c.bad ? (c.status === 'Unknown' ? 'warn' : 'bad') : 'good', `${c.bad ? '✕' : '✓'} ${c.status}`), c.reason, c.age || '', c.message || '']), 'An operator writes conditions; there is none here.'),
      table('Events', ['Age', 'Type', 'Reason', 'Message'], r.events.map((e) => [e.age, tag(e.type === 'Warning' ? 'warn' : 'calm', `${e.type === 'Warning' ? '!' : '•'} ${e.type}`), e.reason, e.message]), 'There is none.'),
      table('Proxies', ['Pod', 'State', 'Restarts', 'Document', 'Says'], r.pods.map((p) => [p.name, tag(p.state === 'Ready' ? 'good' : 'warn', `${p.state === 'Ready' ? '✓' : '!'} ${p.state}`), String(p.restarts || 0), (p.document || '').slice(0, 8), p.silent || p.refused || '']), 'One proxy on its own, without Pods.'),
    ]);
  }
}

function tag(kind, text) { return el(`span.tag.${kind}`, {}, text); }

function table(name, columns, rows, none) {
  const id = name.toLowerCase();
  return el('section.card', { 'aria-labelledby': id }, el('div.head', {}, el('h2', { id }, name)),
    rows.length === 0 ? el('p.empty', {}, none) : el('div.scroll', { tabindex: '0', role: 'region', 'aria-labelledby': id }, el('table', {},
      el('thead', {}, el('tr', {}, ...columns.map((c) => el('th', { scope: 'col' }, c)))),
      el('tbody', {}, ...rows.map(([first, ...others]) => el('tr', {}, el('th', { scope: 'row' }, first), ...others.map((c) => el('td', {}, c))))))));
}
