# Installs the program with its manual pages and completions: make install, or make install PREFIX=$HOME/.local
PREFIX ?= /usr/local
DESTDIR ?=
program = .build/release/lnw
pages = .build/plugins/GenerateManual/outputs/lnw

build:
	swift build -c release --product lnw

# One page for each command, by ArgumentParser's own plugin.
manual: build
	swift package --allow-writing-to-package-directory generate-manual --configuration release --multi-page >/dev/null

install: manual
	install -D -m 755 $(program) $(DESTDIR)$(PREFIX)/bin/lnw
	mkdir -p $(DESTDIR)$(PREFIX)/share/man/man1
	find $(pages) -name '*.1' -exec install -m 644 {} $(DESTDIR)$(PREFIX)/share/man/man1 ';'
	mkdir -p $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(program) --generate-completion-script bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/lnw
	$(program) --generate-completion-script zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_lnw
	$(program) --generate-completion-script fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/lnw.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/lnw $(DESTDIR)$(PREFIX)/share/man/man1/lnw.1 $(DESTDIR)$(PREFIX)/share/man/man1/lnw.*.1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/lnw $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_lnw \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/lnw.fish

.PHONY: build manual install uninstall
