// libsystemc refers to sc_main(), because its own main() calls it. Programs with a main() of their
// own have no use for it; weak, so that one with an sc_main() may link us too.
extern "C" {
int sc_main(int, char**);
__attribute__((weak)) int sc_main(int, char**) { return 1; }
}
