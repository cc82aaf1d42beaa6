#!/usr/bin/env bash
# Installs what perfwatt is built with, on Debian 12 or a relative of it. May be run again at will.
#   scripts/setup.sh          what building and testing need
#   scripts/setup.sh --all    also what exporting networks and checking code style need
set -euo pipefail

build_packages=(
    build-essential cmake ninja-build pkg-config git
    libfmt-dev libyaml-cpp-dev nlohmann-json3-dev
    libprotobuf-dev protobuf-compiler libonnx-dev
    libsqlite3-dev libboost-dev libboost-program-options-dev
    libsystemc-dev
    libgtest-dev libgmock-dev libbenchmark-dev
    python3 python3-yaml python3-jsonschema
)
more_packages=(ccache clang clang-format clang-tidy sqlite3 python3-torch python3-torchvision
               python3-onnx python3-matplotlib)

packages=("${build_packages[@]}")
case "${1:-}" in
    "") ;;
    --all) packages+=("${more_packages[@]}") ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "setup.sh: unknown option '$1' (there is only --all)" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null; then
    echo "setup.sh: this system has no apt-get; install the equivalents of:" >&2
    echo "  ${packages[*]}" >&2
    exit 2
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "setup.sh: everything is installed already" >&2
    exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
    as_root=(env)
elif command -v sudo >/dev/null; then
    as_root=(sudo)
else
    echo "setup.sh: these packages are missing, and only root can install them:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 2
fi

echo "setup.sh: installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "${missing[@]}"
