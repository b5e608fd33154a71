import { pageChartCss } from './charts/palette.ts';

/** The style of a report: light and dark by the reader's system or by choice, and for paper. Needs no script. */
export const reportCss = `
:root{color-scheme:light dark;--page:light-dark(#f6f7f9,#0c0f14);--card:light-dark(#fff,#141923);--ink:light-dark(#111827,#e8edf5);
--muted:light-dark(#55606f,#a3aebf);--line:light-dark(#e3e7ee,#232b38);--accent:light-dark(#1d5fd1,#6aa6ff);
--ok:light-dark(#03664a,#34d399);--bad:light-dark(#b42318,#ff7a6b);--warn:light-dark(#8a4b00,#fbbf24)}
:root:has(#light:checked){color-scheme:light}
:root:has(#dark:checked){color-scheme:dark}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
header,main,footer{max-width:1200px;margin:0 auto;padding:0 20px}
header{display:flex;flex-wrap:wrap;gap:4px 24px;align-items:baseline;justify-content:space-between;padding-top:28px}
h1{font-size:26px;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:17px;margin:36px 0 12px}
header p{margin:4px 0 0;color:var(--muted)}
fieldset{border:0;padding:0;margin:0;color:var(--muted);display:flex;gap:12px}
fieldset legend{float:left;padding:0;margin-right:12px}
label{cursor:pointer}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:12px;margin:20px 0 0;padding:0}
.tiles div,figure,.card{background:var(--card);border:1px solid var(--line);border-radius:12px}
.tiles div{padding:12px 14px}
.tiles dt{font-size:12px;color:var(--muted)}
.tiles dd{margin:2px 0 0;font-size:23px;font-weight:650;line-height:1.25;overflow-wrap:anywhere}
.tiles dd+dd{font-size:12px;font-weight:400;color:var(--muted)}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,500px),1fr));gap:16px}
figure{margin:0;padding:8px 8px 12px;break-inside:avoid}
figure svg{display:block;width:100%;height:auto}
figcaption{color:var(--muted);font-size:13px;padding:4px 12px 0}
.card{padding:14px 16px}
.scroll{overflow-x:auto;max-height:560px;padding:0}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:6px 12px;border-bottom:1px solid var(--line);vertical-align:top}
tbody tr:last-child>*{border-bottom:0}
thead th{font-weight:600;white-space:nowrap;background:var(--card);position:sticky;top:0}
.numbers th,.numbers td{text-align:right;white-space:nowrap}
.numbers .left{text-align:left}
.pairs th{font-weight:400;color:var(--muted);width:44%;overflow-wrap:anywhere}
.pairs td{overflow-wrap:anywhere}
code{overflow-wrap:anywhere}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.protections{list-style:none;margin:0;padding:6px 16px}
.protections li{display:grid;grid-template-columns:190px 1fr;gap:4px 16px;padding:8px 0;border-bottom:1px solid var(--line)}
.protections li:last-child{border-bottom:0}
.yes{color:var(--ok)}.no{color:var(--bad)}.unknown{color:var(--warn)}
.protections strong{font-weight:600}
.abandoned td{color:var(--bad)}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:16px;align-items:start}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
footer{color:var(--muted);padding-top:28px;padding-bottom:36px}
@media (max-width:600px){.protections li{grid-template-columns:1fr}}
@media print{:root,:root:has(#dark:checked){color-scheme:light}body{background:#fff;font-size:11px}fieldset{display:none}header,main,footer{max-width:none;padding-left:0;padding-right:0}
.tiles{grid-template-columns:repeat(4,1fr)}.figures{grid-template-columns:1fr 1fr}.scroll{overflow:visible;max-height:none}thead th{position:static}tr,li,.tiles div{break-inside:avoid}h2{break-after:avoid}}
${pageChartCss}
`.trim();
