// The style of the page: system fonts, one column of figures on a phone and two on a desk, light or dark as the reader prefers.
import { darkRules, ink, lightRules } from './palette.js';

export function pageStyle(): string {
  return `
:root{color-scheme:light dark;--text:#1d2430;--soft:${ink.faint.light};--line:${ink.grid.light};--ground:#f6f7f9;--paper:${ink.paper.light};--accent:#0072b2}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1320px;margin:0 auto;padding:32px 24px 64px}
header h1{font-size:28px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
header p{margin:0;color:var(--soft)}
h2{font-size:18px;margin:40px 0 12px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:24px 0 0}
.tile,figure,.card{background:var(--paper);border:1px solid var(--line);border-radius:10px}
.tile{padding:14px 16px}
.tile dt{color:var(--soft);font-size:13px}
.tile dd{margin:2px 0 0;font-size:21px;font-weight:600;line-height:1.25}
.tile dd small{font-size:13px;font-weight:400;color:var(--soft);display:block}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr));gap:16px}
figure{margin:0;padding:16px 18px 12px;min-width:0}
figcaption h3{font-size:15px;margin:0}
figcaption p{margin:2px 0 10px;color:var(--soft);font-size:13px;overflow-wrap:anywhere}
figure svg{display:block;width:100%;height:auto}
details{margin-top:8px;font-size:13px}
summary{color:var(--soft);cursor:pointer;width:fit-content}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;margin:0 0 14px;padding:0;font-size:13px}
.legend li{max-width:100%;overflow-wrap:anywhere}
.swatch{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px;vertical-align:-1px}
.card{padding:6px 18px 14px;min-width:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--soft);font-size:13px;padding:8px 0}
th,td{padding:7px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th:first-child,td:first-child{padding-left:0}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:500;font-size:13px;vertical-align:bottom}
tbody th,tfoot th{font-weight:500;overflow-wrap:anywhere;min-width:8em}
tfoot th,tfoot td{border-bottom:0;font-weight:600}
tbody:last-child tr:last-child>*{border-bottom:0}
.number{text-align:right;white-space:nowrap}
thead .number{white-space:normal;overflow-wrap:break-word;max-width:14em}
.gap{white-space:nowrap;min-width:170px}
.bar{display:inline-block;height:9px;border-radius:2px;background:var(--accent);opacity:.75;margin-right:8px;vertical-align:1px}
.pairs{font-size:14px}
.pairs caption{font-size:15px;font-weight:600;color:var(--text)}
.pairs th[scope=row]{width:40%;color:var(--soft);font-weight:400}
.pairs td{overflow-wrap:anywhere}
.pairs .group{padding-top:16px;font-weight:600}
.digests td{font:12.5px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
details table th,details table td{padding-top:3px;padding-bottom:3px}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:16px;align-items:start}
${lightRules()}
@media (prefers-color-scheme:dark){
:root{--text:#e6eaf1;--soft:${ink.faint.dark};--line:${ink.grid.dark};--ground:#0f1218;--paper:${ink.paper.dark};--accent:#5ab4f0}
${darkRules()}
}
@media print{body{background:none}main{padding:0;max-width:none}figure,.card,.tile{break-inside:avoid}}
`;
}
