/// The style and the script of a report: everything is in the one file, and nothing is fetched.
enum ReportStyle {
    /// What drawings are drawn with, in a page or as files of their own.
    static let drawing = """
        svg, :root { --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #b08a00; --c5: #3f9fd6; --c6: #6b6b6b; }
        @media (prefers-color-scheme: dark) { svg, :root { --c0: #56b4e9; --c1: #ff8a3d; --c2: #2fc79c; --c3: #e7a3c9; --c4: #f0e442; --c5: #8fd0ff; --c6: #b5b5b5; } }
        .s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); }
        .s5 { stroke: var(--c5); } .s6 { stroke: var(--c6); }
        .c0 { fill: var(--c0); background: var(--c0); } .c1 { fill: var(--c1); background: var(--c1); } .c2 { fill: var(--c2); background: var(--c2); }
        .c3 { fill: var(--c3); background: var(--c3); } .c4 { fill: var(--c4); background: var(--c4); } .c5 { fill: var(--c5); background: var(--c5); }
        .c6 { fill: var(--c6); background: var(--c6); }
        .half { stroke-width: 5; } .map .inside { fill: var(--paper); font-weight: 600; font-size: 13px; } .map .outside { font-size: 13px; }
        .map .amount { font-size: 12px; fill: var(--soft); paint-order: stroke; stroke: var(--panel); stroke-width: 4px; }
        """

    /// Colours are those of Okabe and Ito, which people tell apart who do not see all colours; the yellow is darker on white.
    static let css = """
        :root { color-scheme: light dark; --paper: #ffffff; --ink: #1a1a1a; --soft: #5c6370; --rule: #d9dce1; --panel: #f6f7f9; --bad: #b3261e; }
        @media (prefers-color-scheme: dark) { :root { --paper: #14161a; --ink: #e8eaed; --soft: #a3a9b3; --rule: #343a43; --panel: #1d2026; --bad: #ff8a80; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 1180px; padding: 1.2rem; background: var(--paper); color: var(--ink);
          font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
        h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; overflow-wrap: anywhere; }
        h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--rule); padding-bottom: .2rem; }
        p { margin: .4rem 0; max-width: 75ch; }
        .soft, .note, .unit { color: var(--soft); } .note { font-size: .88rem; } .unit { font-weight: 400; font-size: .88rem; }
        .bad { color: var(--bad); font-weight: 600; }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .7rem; margin: 1rem 0; padding: 0; }
        .figures div { background: var(--panel); border-radius: 8px; padding: .6rem .8rem; }
        .figures dt { color: var(--soft); font-size: .85rem; } .figures dd { margin: 0; font-size: 1.25rem; font-weight: 600; overflow-wrap: anywhere; }
        .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 460px), 1fr)); gap: 1rem; }
        figure { margin: 0; background: var(--panel); border-radius: 8px; padding: .8rem; min-width: 0; }
        figcaption { font-weight: 600; margin-bottom: .3rem; }
        svg { display: block; width: 100%; height: auto; }
        svg text { fill: var(--ink); font-size: 15px; } svg .tick { fill: var(--soft); font-size: 14px; }
        .grid { stroke: var(--rule); } .axis { stroke: var(--soft); } .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
        \(drawing)
        .line.s1, .half.s1 { stroke-dasharray: none; } .line.s1 { stroke-dasharray: 7 3; } .line.s2 { stroke-dasharray: 2 3; } .line.s3 { stroke-dasharray: 9 3 2 3; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .4rem 0 0; padding: 0; font-size: .9rem; }
        .key { display: inline-block; width: .9em; height: .9em; border-radius: 3px; margin-right: .4em; vertical-align: -.1em; }
        .scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92rem; }
        th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--rule); vertical-align: top; } th { color: var(--soft); font-weight: 600; }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .lane { height: 14px; border-radius: 7px; background: var(--rule); overflow: hidden; min-width: 90px; } .lane span { display: block; height: 100%; }
        input[type=range] { width: 100%; accent-color: var(--c0); } label { display: block; } .hidden { display: none; }
        details { margin: .6rem 0; } summary { cursor: pointer; } code { font-size: .9em; overflow-wrap: anywhere; }
        .map { min-width: 520px; } .charts { margin-top: 1rem; }
        @media (max-width: 640px) { body { padding: .8rem; } table, tbody, tr, td { display: block; width: 100%; } thead { display: none; }
          tr { background: var(--panel); border-radius: 8px; padding: .4rem .2rem; margin-bottom: .6rem; }
          td, td.n { border: 0; text-align: left; white-space: normal; padding: .2rem .6rem; }
          td::before { content: attr(data-label) " "; color: var(--soft); font-size: .85rem; display: block; } }
        @media print { body { max-width: none; } }
        """

    /// Moves the halves of the map to a moment; without a script the map shows the end.
    static let script = """
        (function () {
          var slider = document.getElementById('moment');
          if (!slider) return;
          var data = JSON.parse(document.getElementById('balances').textContent);
          document.getElementById('moment-box').classList.remove('hidden');
          var out = document.getElementById('moment-time');
          function short(value) {
            var steps = [[1e12, ' T'], [1e9, ' G'], [1e6, ' M'], [1e3, ' k']];
            for (var i = 0; i < steps.length; i++) if (value >= steps[i][0]) return +(value / steps[i][0]).toFixed(1) + steps[i][1];
            return String(value);
          }
          function show() {
            var at = +slider.value;
            out.textContent = data.times[at];
            document.querySelectorAll('[data-link]').forEach(function (group) {
              var link = data.links[+group.dataset.link];
              var share = link.capacity ? link.mine[at] / link.capacity : 0.5;
              var a = group.dataset.a.split(' ').map(Number), b = group.dataset.b.split(' ').map(Number);
              var x = a[0] + (b[0] - a[0]) * share, y = a[1] + (b[1] - a[1]) * share;
              var halves = group.querySelectorAll('line');
              halves[0].setAttribute('x2', x); halves[0].setAttribute('y2', y);
              halves[1].setAttribute('x1', x); halves[1].setAttribute('y1', y);
            });
            document.querySelectorAll('[data-amount]').forEach(function (text) {
              var name = text.dataset.amount, link = data.links[parseInt(name, 10)], mine = link.mine[at];
              text.textContent = short(name.slice(-1) === 'a' ? mine : link.capacity - mine);
            });
          }
          slider.addEventListener('input', show);
          show();
        })();
        """
}
