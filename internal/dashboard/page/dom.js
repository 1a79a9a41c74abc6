// What the page is built with: elements, and lists that change no more than they must.

const SVG = 'http://www.w3.org/2000/svg';

// el makes an element: el('p.note', {id: 'x'}, 'text', other).
export function el(what, attributes, ...children) {
  return fill(document.createElement(what.split('.')[0]), what, attributes, children);
}

// svg makes one of a drawing.
export function svg(what, attributes, ...children) {
  return fill(document.createElementNS(SVG, what.split('.')[0]), what, attributes, children);
}

function fill(node, what, attributes, children) {
  const classes = what.split('.').slice(1);
  if (classes.length > 0) node.setAttribute('class', classes.join(' '));
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.filter((c) => c !== undefined && c !== null && c !== ''));
  return node;
}

// say sets the text of an element where it is another: a screen reader reads changes aloud.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// mark sets an attribute where it is another; none for null.
export function mark(node, name, value) {
  if (value === null || value === undefined || value === '') {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

// keyed keeps a child of parent for each item, in their order: those that stay are updated.
export function keyed(parent, items, key, create, update) {
  const had = parent.keyed || new Map();
  const has = new Map();
  let before = null;
  for (const item of items) {
    const id = key(item);
    const node = had.get(id) || create(item);
    had.delete(id);
    has.set(id, node);
    if (update) update(node, item);
    const place = before ? before.nextSibling : parent.firstChild;
    if (place !== node) parent.insertBefore(node, place);
    before = node;
  }
  for (const node of had.values()) node.remove();
  parent.keyed = has;
}

// replace has an element hold these children where what they say is another than last time.
export function replace(node, said, make) {
  const text = JSON.stringify(said);
  if (node.said === text) return;
  node.said = text;
  node.replaceChildren(...[].concat(make()));
}
