#!/bin/sh
# Fails when an object file of a path defines a weak symbol outside the path's namespace. The linker keeps one copy of a
# weak symbol for all paths: an inline body compiled for AVX-512 could end up being called on a CPU without it. A name that
# contains mr::<path>:: cannot be shared. Usage: check_weak_symbols.sh PATH_NAME OBJECT...
path=$1
shift
status=0
for object in "$@"; do
  weak=$(nm --defined-only -C "$object" | grep -E '^[0-9a-f]+ [WVu] ' | grep -v "mr::$path::")
  if [ -n "$weak" ]; then
    echo "$object defines weak symbols; make them static or put them into a file under cpu/host:"
    echo "$weak"
    status=1
  fi
done
exit $status
