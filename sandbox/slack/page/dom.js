/** Makes an element. Texts become text nodes, so that nothing a message says is ever read as HTML. */
export function el(tag, properties = {}, ...children) {
  const node = tag === 'svg' || tag === 'polyline' || tag === 'polygon' || tag === 'rect' || tag === 'line' ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name === 'className' ? 'class' : name, value === true ? '' : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Only addresses that cannot run anything. */
export function safeUrl(url) {
  return /^(https?:\/\/|mailto:|\/)/i.test(url) ? url : '#';
}

let hiding;
export function toast(text) {
  const node = byId('toast');
  node.textContent = text;
  node.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { node.hidden = true; }, 8000);
}

/** A person's verb; a refusal of the page's own making is shown as a toast. Gives the answer, or undefined. */
export async function human(verb, fields) {
  const response = await fetch(`/_human/${verb}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(fields) });
  const answer = await response.json();
  if (!answer.ok) toast(answer.error);
  return answer.ok ? answer.result : undefined;
}
