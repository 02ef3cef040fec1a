import { el } from './dom.js';

const COLOURS = ['#0b6e99', '#b35900', '#2d7a3e', '#8a3ffc', '#a8264f', '#5a5a5a'];
const WIDTH = 420;
const HEIGHT = 120;

/** A data_visualization block: lines or bars with a legend that says the last values, for those who cannot see them. */
export function chart(block) {
  const given = block.chart;
  const series = given.type === 'pie' ? [{ name: block.title, data: given.segments }] : given.series;
  const most = Math.max(1, ...series.flatMap((one) => one.data.map((point) => point.value)));
  const x = (index, count) => (count < 2 ? WIDTH / 2 : (index * WIDTH) / (count - 1));
  const y = (value) => HEIGHT - 4 - (value / most) * (HEIGHT - 8);
  const drawn = series.map((one, index) => {
    const count = one.data.length;
    if (given.type === 'bar' || given.type === 'pie') {
      const slot = WIDTH / count;
      const width = (slot * 0.8) / series.length;
      return one.data.map((point, place) => el('rect', { x: place * slot + index * width + slot * 0.1, y: y(point.value), width, height: HEIGHT - y(point.value), fill: COLOURS[index] }));
    }
    return el('polyline', { points: one.data.map((point, place) => `${x(place, count)},${y(point.value)}`).join(' '), fill: 'none', stroke: COLOURS[index], 'stroke-width': 2 });
  });
  return el('figure', { className: 'chart' }, el('figcaption', {}, el('b', {}, block.title)), el('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': block.title }, drawn),
    el('div', { className: 'muted' }, series.map((one, index) => el('span', { style: `color:${COLOURS[index]}` }, `■ ${one.name}: ${one.data.at(-1).value} (${one.data.at(-1).label}) `))));
}
