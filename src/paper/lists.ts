/** Short lists of words that the schema, the flags and the files of runs have in common. */

/** Numbers in which a model computes. */
export const PRECISIONS = ['fp32', 'bf16', 'fp16'] as const;
export type Precision = (typeof PRECISIONS)[number];

export const SCALES = ['full', 'mini'] as const;
export type Scale = (typeof SCALES)[number];

/** What the paper's text says, or what its released code and logs did. */
export const READINGS = ['as-written', 'as-released'] as const;
export type Reading = (typeof READINGS)[number];
