"""Looks at a report in a real browser: nothing throws, nothing is wider than the page, and nothing is fetched.

    report_page.py BROWSER REPORT.html
"""

import pathlib
import re
import subprocess
import sys
import tempfile

PROBE = """
<script>
var problems = [];
window.addEventListener('error', function (event) { problems.push('script: ' + event.message); });
</script>
"""
VERDICT = """
<script>
window.addEventListener('load', function () {
  var slider = document.getElementById('moment');
  if (slider) { slider.value = 0; slider.dispatchEvent(new Event('input')); }
  var width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) problems.push('the page is ' + document.documentElement.scrollWidth + ' wide, of ' + width);
  document.querySelectorAll('svg text').forEach(function (text) {
    var own = text.getBoundingClientRect(), frame = text.ownerSVGElement.getBoundingClientRect();
    if (own.width && (own.left < frame.left - 2 || own.right > frame.right + 2)) problems.push('“' + text.textContent + '” leaves its drawing');
  });
  document.querySelectorAll('details').forEach(function (part) { part.open = true; });
  document.title = 'VERDICT ' + (problems.length ? problems.join('; ') : 'fine') + ' END';
});
</script>
"""


def look(browser: str, page: str, width: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "page.html")
        text = page.replace("<head>", "<head>" + PROBE, 1).replace("</body>", VERDICT + "</body>", 1)
        path.write_text(text)
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
                   f"--window-size={width},2000", "--virtual-time-budget=3000", "--dump-dom", path.as_uri()]
        seen = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    verdict = re.search(r"<title>VERDICT (.*?) END</title>", seen, re.S)
    return verdict.group(1) if verdict else "the browser did not show the page"


def main() -> int:
    browser, path = sys.argv[1:]
    page = pathlib.Path(path).read_text()
    if re.search(r"(src|href)=\"(?!#)", page):
        print("the report refers to other files")
        return 1
    failed = 0
    for width in (500, 800, 1400):
        verdict = look(browser, page, width)
        print(f"{width} wide: {verdict}")
        failed |= verdict != "fine"
    return failed


if __name__ == "__main__":
    sys.exit(main())
