//! The style of the page: for screens, light or dark, and for paper.

use crate::plan::Drift;

/// The style sheet of the page, without the colours of the kinds.
pub(super) const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--faint:#66707d;--line:#d5dae1;--paper:#fff;--box:#f4f6f8}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--faint:#98a2b0;--line:#39414d;--paper:#14181e;--box:#1e242c}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:2rem 1.25rem;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
p{margin:.4rem 0}.faint{color:var(--faint)}
code{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.2rem 0}
.tile{background:var(--box);border-radius:8px;padding:.7rem 1rem;min-width:9rem}
.tile b{display:block;font-size:1.5rem;line-height:1.2}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--faint)}.count{text-align:right;font-variant-numeric:tabular-nums}
.label{width:38%;overflow-wrap:anywhere}.bars .count{width:6%}.fill{width:56%}.bars td{border:0;padding:.15rem .6rem .15rem 0}
.bar{display:flex;height:1.05rem;border-radius:3px;overflow:hidden;min-width:2px}
.bar i{display:block;min-width:1px}
.key{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.45rem;vertical-align:-1px}
.warn{border-left:4px solid #c2410c;background:var(--box);padding:.6rem 1rem;margin:1rem 0}
.good{border-left:4px solid #15803d;background:var(--box);padding:.6rem 1rem;margin:1rem 0}
@media print{body{max-width:none;padding:0;font-size:11px}:root{color-scheme:light;--ink:#000;--faint:#444;--paper:#fff;--box:#f2f2f2;--line:#bbb}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}tr,.tile{break-inside:avoid}h2{break-after:avoid}}
";

/// The colour of a kind. Labels repeat the information, so no colour is needed to read the page.
pub(super) fn colour(kind: Drift) -> &'static str {
    match kind {
        Drift::MissingCopy => "#2563eb",
        Drift::DifferingCopy => "#0891b2",
        Drift::WrongUsedByInNumberDatabase => "#7c3aed",
        Drift::WrongUsedByInAccount => "#c084fc",
        Drift::WrongAccount => "#dc2626",
        Drift::FormerAccount => "#f97316",
        Drift::OnlyInAccount => "#d4a106",
        Drift::AccountMissing => "#6b7280",
        Drift::Misfiled => "#db2777",
        Drift::UnassignedButUsed => "#16a34a",
        Drift::OddAssignment => "#a16207",
        Drift::Contested => "#be123c",
        Drift::Conflicted => "#475569",
    }
}
