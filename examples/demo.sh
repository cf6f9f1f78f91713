#!/bin/sh
# Records a real workflow under Snakemake, make and (where there is one) Nextflow, and asks where its figure came from.
# Called by `make demo` from the top of the repository, with the environment's programs on PATH.
# Everything lies in build/demo (or $PROBE_DEMO), its own history included.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
demo=${PROBE_DEMO:-$(dirname "$here")/build/demo}
rm -rf "$demo"
mkdir -p "$demo"
demo=$(cd "$demo" && pwd)
unset PROBE_RUN PROBE_STEP LD_PRELOAD
export PROBE_HISTORY="$demo/history.sqlite" PROBE_SPOOL="$demo/spool"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

# Only the tables in the package are wanted, not the libraries that it would read them with.
package() {
    python -c 'import importlib.util as u; s = u.find_spec("palmerpenguins"); print(s.submodule_search_locations[0])' \
        2>/dev/null
}
data=$(package) || { python -m pip install -q --no-deps 'palmerpenguins==0.1.6' && data=$(package); }

# Nextflow takes part where there is one: NEXTFLOW, a complete one on PATH, or what the tests fetched.
# Nothing of it is downloaded here (its own launcher on PATH would, when used for the first time).
own=${NXF_HOME:-$HOME/.nextflow}/framework
if [ -z "${NEXTFLOW:-}" ] && ! { command -v nextflow && [ -d "$own" ]; } >/dev/null; then
    for NEXTFLOW in "$here"/../.cache/nextflow-*/nextflow; do [ -x "$NEXTFLOW" ] || NEXTFLOW=""; done
    [ -z "$NEXTFLOW" ] || export NEXTFLOW NXF_HOME="$demo/nextflow-home"
fi
java -version >/dev/null 2>&1 && { [ -n "${NEXTFLOW:-}" ] || [ -d "$own" ]; } && nextflow=nextflow || nextflow=

for engine in snakemake make $nextflow; do
    cp -r "$here/palmer-penguins" "$demo/$engine"
    cp "$data/data/penguins-raw.csv" "$demo/$engine/data/"
done

say "1. One workflow (clean, summarise, fit, plot), recorded under ${nextflow:+Nextflow, }Snakemake and make"
if [ -n "$nextflow" ]; then
    cd "$demo/nextflow"
    run probe nextflow -q run main.nf || echo "this Nextflow does not run here: the demo goes on without it"
fi
cd "$demo/snakemake"
run probe snakemake --cores 2 --quiet all
cd "$demo/make"
run probe make -j2

say "2. What ran"
run probe runs
run probe show @ --level step

say "3. Where the figure came from"
cd "$demo/snakemake"
run probe why results/figure.svg

say "4. What no rule says: an input that is read and not declared"
run probe check @-1 || true

say "5. For other tools: W3C PROV-JSON, and a picture of the data flow"
run probe export prov-json @-1 -o "$demo/run.prov.json"
run probe export dataflow-graph @-1 -o "$demo/run.svg"

cat > "$demo/activate" <<END
export PATH="$(dirname "$(command -v probe)"):\$PATH" PROBE_HISTORY="$PROBE_HISTORY" PROBE_SPOOL="$PROBE_SPOOL"
cd "$demo/snakemake"
END
say "To go on"
cat <<END
  . $demo/activate
  probe uses data/exclude.txt           what was made from a file
  probe show @-1                        the whole tree, down to processes and files
  probe snakemake --cores 2 --forceall  record it again; then: probe runs
  probe record -- YOUR COMMAND          anything else
END
