/** A line chart as inline SVG, with axes and a legend. */

import { html, type Markup } from './markup';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Curve {
  readonly name: string;
  readonly points: readonly Point[];
}

/** The chart; empty markup when no curve has a finite point. */
export function lineChart(title: string, xName: string, yName: string, curves: readonly Curve[]): Markup {
  const drawn = curves.map((curve) => ({ ...curve, points: curve.points.filter(isFinitePoint) }));
  const points = drawn.flatMap((curve) => curve.points);
  if (points.length === 0) return html``;
  const x = scale(
    points.map((point) => point.x),
    LEFT,
    WIDTH - RIGHT,
  );
  const y = scale([0, ...points.map((point) => point.y)], HEIGHT - BOTTOM, TOP);
  const at = (point: Point): string => `${round(x.place(point.x))},${round(y.place(point.y))}`;
  const lines = drawn.map(
    ({ points: own }, i) => html`<polyline class="curve${i}" points="${own.map(at).join(' ')}"/>`,
  );
  const legend = drawn.map(
    ({ name }, i) => html`<text class="curve${i} legend" x="${WIDTH - RIGHT}" y="${TOP - 12 + 14 * i}">${name}</text>`,
  );
  const xTicks = x.ticks.map(
    (tick) => html`<text class="tick middle" x="${round(x.place(tick))}" y="${HEIGHT - BOTTOM + 18}">${tick}</text>`,
  );
  const yTicks = y.ticks.map((tick) => {
    const height = round(y.place(tick));
    const label = html`<text class="tick end" x="${LEFT - 8}" y="${height + 4}">${tick}</text>`;
    return html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${height}" y2="${height}"/>${label}`;
  });
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}"><title>${title}</title>
${yTicks}${xTicks}${lines}${legend}
<text class="tick middle" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}">${xName}</text>
<text class="tick" x="${LEFT - 40}" y="${TOP - 12}">${yName}</text>
</svg>`;
}

// --- internal ---

const [WIDTH, HEIGHT] = [760, 320];
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 16, 28, 44];

interface Scale {
  readonly ticks: readonly number[];
  place(value: number): number;
}

/** Maps the values' range, widened to round ticks, to pixels. */
function scale(values: readonly number[], from: number, to: number): Scale {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const step = niceStep((high - low || Math.abs(high) || 1) / 5);
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  const place = (value: number): number => from + ((value / step - first) / (last - first)) * (to - from);
  return { ticks, place };
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
}

function isFinitePoint({ x, y }: Point): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
