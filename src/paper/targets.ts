/**
 * Which modules an adapter names, by PEFT's rules (0.21, tuners/tuners_utils.py: check_target_module_exists;
 * utils/other.py: get_pattern_key, _set_trainable). Names are full: `model.layers.3.self_attn.q_proj`.
 */
import { compileRegex, type Regex } from '../regex/compile';
import { respell } from './module-names';

/** The part of an adapter's settings that chooses modules. */
export interface ModuleSelection {
  /** `all-linear`: every linear of every block. A list: full names or their last parts. Other text: a regular expression. */
  readonly targets: string | readonly string[];
  /** Names that stay as they are, by the same rules. */
  readonly exclude?: string | readonly string[];
  /** Blocks that are adapted, counted from 0; all by default. */
  readonly layers?: readonly number[];
  /** Modules that are trained as a full copy instead: these are never adapted. */
  readonly modulesToSave?: readonly string[];
  /** Of an adapter that was loaded: how the model it was made on names its modules, where that is not as this one does. */
  readonly source?: ModuleSource;
}

/** What an adapter's own tensors say about the model it was made on. */
export interface ModuleSource {
  /** The prefix of its decoder's modules ({@link respell}); null where it names none. */
  readonly prefix: string | null;
  /** Its folder, for messages. */
  readonly folder: string;
  /** Rows of lora_A by module, named as in a model of text alone: what a module's rank must be. */
  readonly ranks: ReadonlyMap<string, number>;
  /** Its modules outside the decoder: entries of `targets` may name them alone. */
  readonly others: readonly string[];
}

export const ALL_LINEAR = 'all-linear';

/** Whether the linear `module` of a block is adapted. @throws MedreproError `spec` for a pattern that is no expression. */
export function isTarget(selection: ModuleSelection, module: string): boolean {
  const { targets, exclude, layers, modulesToSave = [] } = selection;
  const name = ownName(selection, module);
  if (exclude !== undefined && matches(exclude, name)) return false;
  if (modulesToSave.some((saved) => pythonMatches(saved, `(^|.*\\.)${saved}($|\\..*)`, name))) return false;
  if (isAllLinear(targets)) return inLayers(layers, name);
  return matches(targets, name) && inLayers(layers, name);
}

/** Whether `module` is trained as a full copy: its name ends in one of the listed ones. */
export const isSaved = (selection: Pick<ModuleSelection, 'modulesToSave' | 'source'>, module: string): boolean =>
  selection.modulesToSave?.some((saved) => ownName(selection, module).endsWith(saved)) ?? false;

/** What the adapter's own model calls this model's `module`. */
export const ownName = ({ source }: Pick<ModuleSelection, 'source'>, module: string): string =>
  source?.prefix == null ? module : respell(module, source.prefix);

/** The entry of a rank or alpha pattern for `name`: keys are expressions for the end of the name, the first one that fits. */
export function patternValue(patterns: Readonly<Record<string, number>> | undefined, name: string): number | undefined {
  const key = Object.keys(patterns ?? {}).find((pattern) => pythonMatches(pattern, `(.*\\.)?(${pattern})$`, name));
  return key === undefined ? undefined : patterns?.[key];
}

/** Entries of a list that name none of `modules`; empty for `all-linear` and for an expression that fits something. */
export function unmatchedTargets(
  selection: Pick<ModuleSelection, 'targets' | 'source'>,
  modules: readonly string[],
): string[] {
  const { targets, source } = selection;
  if (isAllLinear(targets)) return [];
  const names = [...modules.map((module) => ownName(selection, module)), ...(source?.others ?? [])];
  const list = typeof targets === 'string' ? [targets] : targets;
  return list.filter((target) => {
    const one = typeof targets === 'string' ? target : [target];
    return !names.some((name) => matches(one, name));
  });
}

export const isAllLinear = (targets: string | readonly string[]): boolean =>
  typeof targets === 'string' && targets.toLowerCase() === ALL_LINEAR;

// --- internal ---

/** A list holds full names or ends of names after a dot; text is an expression for the whole name. */
function matches(selection: string | readonly string[], name: string): boolean {
  if (typeof selection === 'string') return expression(selection).fullMatch(name) !== null;
  return selection.some((target) => name === target || name.endsWith(`.${target}`));
}

/** The first number after a dot-separated word is the block's. */
function inLayers(layers: readonly number[] | undefined, name: string): boolean {
  if (layers === undefined || layers.length === 0) return true;
  const index = /^.*?\.[^.]*\.(\d+)\./.exec(name)?.[1];
  return index !== undefined && layers.includes(Number(index));
}

const compiled = new Map<string, Regex>();

/** A Python expression; what it has that is not supported is refused by name. */
function expression(pattern: string): Regex {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const made = compileRegex(pattern, 'python', { name: 'the pattern of modules', code: 'spec' });
  compiled.set(pattern, made);
  return made;
}

/** `re.match(whole, name)`, where `whole` is made of `part`: the part alone is checked first, so that messages show it. */
function pythonMatches(part: string, whole: string, name: string): boolean {
  expression(part);
  return expression(whole).matchAt(name, 0) !== null;
}
