#!/usr/bin/env bash
# Measures the graphics card of a machine that has a driver and nothing else. `npm run bench:pack` put it here.
set -uo pipefail

usage='bash .gpu/run.sh RESULTS [--only PART] [--software] [--quick] [option or workload of the benchmark ...]

RESULTS      a folder for what is measured: a text file for each part, and bench.json
--only PART  one of adapter, gradcheck, bench, profile; all four together end within nine minutes
--software   go on where the only adapter is the processor, to try the pack
--quick      little of everything: to see that it works, not how fast
Everything else goes to the benchmark: --peak-tflops 67 tells shares of the peak, matmul runs only the products.'

say() { printf '%s\n' "$@"; }
fail() { say "error: $1" "  help: $2" >&2; exit 1; }

[ $# -gt 0 ] || fail "where to put the results?" "$usage"
case $1 in -h | --help) say "$usage"; exit ;; -*) fail "the first word is the folder for the results" "$usage" ;; esac
mkdir -p "$1" && results=$(cd "$1" && pwd) || fail "$1 cannot be written" "name another folder"
shift
only='' software='' quick='' words=()
while [ $# -gt 0 ]; do
  case $1 in
    --only) only=${2:-nothing}; shift ;;
    --software) software=yes ;;
    --quick) quick=yes; words+=("$1") ;;
    *) words+=("$1") ;;
  esac
  shift
done
case $only in '' | adapter | gradcheck | bench | profile) ;; *) fail "there is no part \"$only\"" "$usage" ;; esac

# Unpack. Libraries that this system has itself are left aside.
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xzf "$here/pack.tar.gz" --no-same-owner -C "$work" ||
  fail "the pack does not unpack" "copy all of .gpu, and look for half a gigabyte in $work"
known=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p)
mkdir "$work/missing"
for library in "$work"/lib/*; do
  grep -qF "	${library##*/} " <<< "$known" || mv "$library" "$work/missing"
done
export LD_LIBRARY_PATH=$work/missing${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
node=$work/node
[ -x "$node" ] ||
  fail "programs in $work may not be run" "name another folder in TMPDIR, on a disk that is not mounted noexec"
"$node" --version > "$work/version" ||
  fail "the pack's Node does not run here" "make the pack on a machine of this kind ($(uname -m)), not newer than this one"

# Containers have NVIDIA's driver where the Vulkan loader does not look.
standard=$(find /etc/vulkan/icd.d /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d -name '*.json' 2> /dev/null)
elsewhere=$(find /usr/local/nvidia /run/nvidia /opt -path '*/vulkan/icd.d/*.json' 2> /dev/null)
if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && [ -n "$elsewhere" ]; then
  VK_DRIVER_FILES=$(printf '%s\n' "$elsewhere" "$standard" | grep . | paste -sd:)
  export VK_DRIVER_FILES
  vendor=$(find /usr/local/nvidia /run/nvidia /opt -path '*/egl_vendor.d/*.json' 2> /dev/null | paste -sd:)
  [ -z "$vendor" ] || export __EGL_VENDOR_LIBRARY_FILENAMES=${__EGL_VENDOR_LIBRARY_FILENAMES:-$vendor}
  for folder in /usr/local/nvidia/lib64 /usr/local/nvidia/lib; do
    [ ! -d "$folder" ] || LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$folder
  done
fi

cd "$work/program" || exit 1

# The adapter, before anything else.
look_for_adapter() { timeout --kill-after=5 30 "$node" bench/adapter.mjs 2> "$work/reason"; }
# no_card PROBLEM HELP
no_card() {
  {
    say "error: $1" "  help: $2" '' 'Vulkan drivers:' "${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-${standard:-none}}}"
    say '' 'What the Vulkan loader says:'
    VK_LOADER_DEBUG=error,warn,driver look_for_adapter > "$work/again"
    awk '!seen[$0]++ && !/^(error|  help):/' "$work/reason" | tail -n 40
  } 2>&1 | tee -a "$results/adapter.txt"
  exit 1
}
driver="install the card's driver with its Vulkan part, or name its file in VK_DRIVER_FILES"
found=$(look_for_adapter)
kind=${found%% *}
say "adapter  ${found:+${found#* } (${kind^^})}" | tee "$results/adapter.txt"
! command -v nvidia-smi > /dev/null ||
  nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit --format=csv,noheader | tee -a "$results/adapter.txt"
[ -n "$found" ] || no_card 'there is no Vulkan adapter' "$driver"
[ "$kind" = gpu ] || [ -n "$software" ] ||
  no_card 'the only adapter is the processor: nothing was measured' "$driver; --software tries the pack on this"

# part NAME SECONDS COMMAND...: what it prints goes to NAME.txt as it comes; one that fails stops no other.
failed=0
part() {
  local name=$1 seconds=$2 began=$SECONDS status
  shift 2
  [[ $name == "$only"* ]] || return
  rm -f "$results/$name".*
  say "== $name: ${*/#"$node"/node}" | tee "$results/$name.txt"
  { timeout --kill-after=5 "$seconds" "$@" 2>&1; echo $? > "$work/status"; } 2> /dev/null | tee -a "$results/$name.txt"
  status=$(cat "$work/status")
  case $status in
    0) status=done ;;
    124 | 137) status=STOPPED ;;
    *) status="FAILED ($status)" ;;
  esac
  say "== $name: $status after $((SECONDS - began)) s" '' | tee -a "$results/$name.txt"
  [ "$status" = done ] || failed=1
}

# The limits add up to less than nine minutes, what stands above included.
if [ -n "$quick" ]; then
  part gradcheck 100 "$node" cli/main.mjs gradcheck relu softmax
else
  part gradcheck 100 "$node" cli/main.mjs gradcheck
fi
# The last word counts: what lies outside of RESULTS is lost, and what takes longer is ended.
part bench 335 "$node" bench/main.mjs ${words[@]+"${words[@]}"} --json "$results/bench.json" --seconds 315
if [ -n "$quick" ]; then
  part profile-lenet5 60 "$node" cli/main.mjs profile lenet5 --batch 8 --steps 1
else
  part profile-alexnet28 25 "$node" cli/main.mjs profile alexnet28 --batch 128
  part profile-alexnet 25 "$node" cli/main.mjs profile alexnet-single-tower --batch 128
fi
exit $failed
