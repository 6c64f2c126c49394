/**
 * How the modules of a decoder are named. Here always as in a causal LM, `model.layers.0.…`; transformers' multimodal Gemma 3
 * calls the same module `model.language_model.layers.0.…` (4.52 and later) or `language_model.model.layers.0.…` (before).
 */

/** What stands before `layers.0.…` in transformers' model of a text. */
export const TEXT_PREFIX = 'model.';
/** The same in its multimodal Gemma 3. */
export const MULTIMODAL_PREFIX = 'model.language_model.';
/** The same in releases before 4.52. */
export const OLD_MULTIMODAL_PREFIX = 'language_model.model.';

/** The prefix of the decoder that a name of one of its modules or tensors has; null for any other name. */
export const prefixOf = (name: string): string | null => DECODER.exec(name)?.[0] ?? null;

/** The same name with another prefix of the decoder. Names that have none, such as `lm_head` and `score`, stay. */
export const respell = (name: string, prefix: string): string =>
  name.replace(DECODER, () => prefix).replace(/^language_model\.(?=lm_head(?:\.|$))/, '');

/** Whether the module or tensor belongs to the part of a multimodal model that sees images. */
export const isOfImages = (name: string): boolean => IMAGES.test(name);

/** The name of a module or tensor of that part, the same for all releases of transformers. */
export const imageName = (name: string): string =>
  name.replace(/^model\./, '').replace(/^vision_tower\.vision_model\./, 'vision_tower.');

// --- internal ---

const DECODER = /^(?:model\.language_model\.|language_model\.model\.|model\.)(?=(?:embed_tokens|layers|norm)(?:\.|$))/;

const IMAGES = /^(?:model\.)?(?:vision_tower|vision_model|multi_modal_projector)\./;
