# Filled in with the executable: the installed binary finds its configs, the library its headers.
