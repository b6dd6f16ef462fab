# Sourced by the scripts beside it, after `set -euo pipefail`. Runs nothing by itself.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
jobs=${SLUICE_JOBS:-$(nproc)}

# A step of the work, so that a reader of the output knows what takes its time.
step() { printf '== %s\n' "$*"; }

# Ends the script with a message and what to do about it.
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# A wrong option or argument: status 2, as is usual for programs.
die_usage() {
  printf '%s: %s (see %s --help)\n' "$(basename "$0")" "$*" "$0" >&2
  exit 2
}

# The value of an option, or a message. Usage: value=$(option_value "$@")
option_value() {
  [[ $# -ge 2 ]] || die_usage "$1 needs a value"
  printf '%s' "$2"
}

# Whether the argument is a whole number above zero.
is_positive() { [[ $1 =~ ^[1-9][0-9]*$ ]]; }

# configure PRESET: makes build/PRESET, or brings it up to date; says nothing unless it fails.
configure() {
  local log tool
  for tool in clang++-19 cmake ninja; do
    command -v "$tool" >/dev/null || die "$tool is not installed: run scripts/setup first"
  done
  if ! log=$(cd "$root" && cmake --preset "$1" 2>&1); then
    printf '%s\n' "$log" >&2
    die "cmake --preset $1 failed (a missing package? run scripts/setup)"
  fi
}

# build PRESET [TARGET …]: Ninja's own lines are the progress.
build() {
  local preset=$1
  shift
  local targets=()
  [[ $# -eq 0 ]] || targets=(--target "$@")
  (cd "$root" && cmake --build --preset "$preset" --parallel "$jobs" "${targets[@]}")
}
