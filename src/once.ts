/** `make`, called at most once: when its value is first asked for. What it throws is thrown, and it is called again next time. */
export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
