/** The CPU paths by name, slowest first: the position is the code of `mr_isa`. Free of imports, for flags and requests. */
export const ISAS = ['portable', 'avx2', 'avx512', 'avx512bf16'] as const;
export type Isa = (typeof ISAS)[number];
