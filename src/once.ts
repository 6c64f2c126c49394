/** `make`, called when its value is first asked for, and cached. An exception is passed on and not cached. */
export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
