/** The report's style sheet: follows the reader's light or dark setting, prints in black on white. */

import { Markup } from './markup';

export const STYLE = new Markup(`
:root { color-scheme: light dark; --ink: light-dark(#1a1a1a, #e8e8e8); --soft: light-dark(#5f6368, #a0a4a8);
  --line: light-dark(#d9dce0, #3c4043); --good: light-dark(#137333, #81c995); --bad: light-dark(#b3261e, #f28b82);
  --accent: light-dark(#1a56b0, #8ab4f8); --note: light-dark(#fff6dd, #3a3320); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; }
small, .quiet { color: var(--soft); font-weight: normal; } .good { color: var(--good); } .bad { color: var(--bad); }
.warning { background: var(--note); border-inline-start: 4px solid #d99a00; padding: .25rem 1rem; }
.warning p { margin: .35rem 0; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; } td, th { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: start;
  vertical-align: top; } .number { text-align: end; font-variant-numeric: tabular-nums; }
code, pre { font: 12px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; } pre { white-space: pre-wrap; }
.bar { display: inline-block; min-width: 8rem; padding: 0 .3rem;
  background: linear-gradient(to right, color-mix(in srgb, var(--accent) 30%, transparent) var(--share), transparent 0); }
.matrix { font-size: 12px; } .matrix td { border: 1px solid var(--line); min-width: 1.4rem; padding: .15rem .3rem; }
.matrix thead td { vertical-align: bottom; }
.matrix .tilt { vertical-align: bottom; max-width: 2rem; } .matrix .tilt span { writing-mode: vertical-rl; white-space: nowrap; }
.heat { background: rgb(179 38 30 / var(--heat)); } .dark { color: #fff; } .right { color: var(--soft); }
svg { width: 100%; max-width: 48rem; } svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
.grid { stroke: var(--line); } .middle { text-anchor: middle; } .end, .legend { text-anchor: end; }
polyline { fill: none; stroke-width: 1.5; } polyline.curve0 { stroke: var(--accent); } polyline.curve1 { stroke: var(--bad); }
text.curve0 { fill: var(--accent); } text.curve1 { fill: var(--bad); } summary { cursor: pointer; }
@media print { body { color: #000; max-width: none; } details { break-inside: avoid; } }
`);
