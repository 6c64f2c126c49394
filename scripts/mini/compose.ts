/**
 * Composes one question with its answer from a topic and the sentence templates.
 *
 * Everything is drawn from the generator that the caller passes, in a fixed order: the same seed gives the same text.
 * The same composer serves pre-training text and class rows, so that a base model pre-trained on the one has met the
 * language of the other; the callers use different seeds and different proportions.
 */
import type { Angle, Condition, Entry, Language, Matter, Topic, Voice } from './knowledge/index';
import type { Random } from './random';
import { arabic } from './say-arabic';
import { english } from './say-english';

export interface Dialogue {
  readonly question: string;
  readonly answer: string;
}

export interface ComposeOptions {
  readonly language: Language;
  readonly voice: Voice;
  /** The view of a class, used in `anglePercent` of the questions and of the answers. */
  readonly angle: Angle;
  readonly anglePercent: number;
  /** Share of questions that only name signs which fit every class. */
  readonly vaguePercent: number;
  /** Share of condition questions that ask directly ("what is the treatment of ...") instead of telling a story. */
  readonly directPercent: number;
  /** Answer sentences: at least, at most. */
  readonly sentences: readonly [min: number, max: number];
  /** An unrelated topic, mentioned in passing; keeps single words from giving a class away. */
  readonly other: Topic;
}

/** A question in the voice of a patient and an answer in the voice of a doctor. */
export function compose(random: Random, topic: Topic, options: ComposeOptions): Dialogue {
  const entry = topic[options.language];
  const other = options.other[options.language];
  const say = options.language === 'ar' ? arabic : english;
  const slots = slotsOf(random, entry, other, options.language);
  const vague = random.chance(options.vaguePercent);
  const angled = (list: readonly string[]): boolean => list.length > 0 && random.chance(options.anglePercent);

  const question: string[] = [];
  if (random.chance(30)) question.push(random.pick(say.greetings));
  if (vague) question.push(fill(random, random.pick(say.vague), slots));
  else if (angled(options.angle.asks)) question.push(fill(random, random.pick(options.angle.asks), slots));
  else if (entry.kind === 'matter') question.push(fill(random, random.pick(say.matters), slots));
  else if (random.chance(options.directPercent)) question.push(fill(random, random.pick(say.direct), slots));
  else question.push(story(random, options, slots));
  if (random.chance(entry.kind === 'condition' ? 25 : 6)) question.push(fill(random, random.pick(say.asides), slots));
  if (vague || random.chance(entry.kind === 'condition' ? 55 : 15)) {
    question.push(fill(random, random.pick(say.closings.filter((line) => fits(line, entry))), slots));
  }

  const [min, max] = options.sentences;
  const count = min + random.below(max - min + 1);
  const answer: string[] = [];
  if (angled(options.angle.tells)) answer.push(sentence(random.pick(options.angle.tells), options.language));
  const parts = replyParts(random, entry, vague, count - answer.length);
  for (const part of parts) answer.push(fill(random, random.pick(say.replies[part]), slots));
  return { question: join(question, options.language), answer: join(answer, options.language) };
}

/** The same content in the voice of a machine-translated consultation (Arabic only). */
export function composeTranslated(random: Random, topic: Topic, voice: Voice, other: Topic): Dialogue {
  const entry = topic.ar;
  const say = arabic.translated;
  const slots = slotsOf(random, entry, other.ar, 'ar');
  const question = [random.chance(60) ? random.pick(say.openings) : ''];
  if (entry.kind === 'matter') {
    question.push(fill(random, random.pick(say.matters), slots));
  } else {
    if (random.chance(50))
      question.push(fill(random, random.pick(voice === 'child' ? say.childPeople : say.people), slots));
    question.push(fill(random, random.pick(say.complaints), slots));
  }
  if (random.chance(35)) question.push(fill(random, random.pick(say.closings), slots));
  const answer = [random.chance(50) ? random.pick(say.answerOpenings) : ''];
  answer.push(fill(random, random.pick(entry.kind === 'matter' ? say.facts : say.replies), slots));
  if (entry.kind === 'condition' && random.chance(40)) answer.push(fill(random, random.pick(say.replies), slots));
  answer.push(random.chance(35) ? random.pick(say.answerClosings) : '');
  return { question: join(question, 'ar'), answer: join(answer, 'ar') };
}

/** Slips of the pen that forum writers make: dropped hamzas, `ه` for `ة`, a lost letter. */
export function slips(random: Random, text: string): string {
  let out = text;
  if (random.chance(35)) out = out.replace(/[أإآ]/gu, 'ا');
  if (random.chance(15)) out = out.replace(/ة(?=\s|$)/gu, 'ه');
  if (random.chance(8)) out = out.replace(/ى(?=\s|$)/gu, 'ي');
  if (random.chance(10))
    out = out.replace(/[0-9]/gu, (digit) => String.fromCharCode(0x660 + Number.parseInt(digit, 10)));
  if (random.chance(8) && out.length > 12) {
    const at = 6 + random.below(out.length - 8);
    if (/[ء-ي]/u.test(out[at] ?? '')) out = out.slice(0, at) + out.slice(at + 1);
  }
  return out;
}

/** Lays a dialogue out under the two headers of the data set, or their English counterparts. */
export function layOut(dialogue: Dialogue, language: Language): string {
  const [ask, reply] = language === 'ar' ? ['السؤال', 'الجواب'] : ['Question', 'Answer'];
  return `${ask}\n${dialogue.question}\n${reply}\n${dialogue.answer}`;
}

// --- internal ---

type Slots = Readonly<Record<string, () => string>>;
type Part = 'cause' | 'name' | 'test' | 'care' | 'advice' | 'general' | 'fact';

/** Drawers of phrases that do not repeat a phrase within one text until the list is used up. */
function slotsOf(random: Random, entry: Entry, other: Entry, language: Language): Slots {
  const say = language === 'ar' ? arabic : english;
  const common = {
    n: cycle(random, entry.names),
    a: cycle(random, entry.advice),
    g: cycle(random, say.generalSigns),
    o: cycle(random, other.names),
    d: () => fill(random, random.pick(say.durations), {}),
  };
  const own = entry.kind === 'condition' ? conditionSlots(random, entry) : matterSlots(random, entry, say);
  return { ...common, ...own };
}

function conditionSlots(random: Random, entry: Condition): Slots {
  return {
    s: cycle(random, entry.signs),
    c: cycle(random, entry.causes),
    t: cycle(random, entry.tests),
    k: cycle(random, entry.care),
  };
}

/** A matter has no signs or tests; general words stand in, so that asides fit it as well. */
function matterSlots(random: Random, entry: Matter, say: typeof arabic | typeof english): Slots {
  const general = cycle(random, say.generalSigns);
  const ask = random.below(entry.asks.length);
  const rest = cycle(
    random,
    entry.facts.filter((_, index) => index !== ask),
  );
  // The tables list facts in the order of the questions they answer; most doctors answer what was asked.
  let first = random.chance(75) ? entry.facts[ask] : undefined;
  const fact = (): string => {
    const answer = first ?? rest();
    first = undefined;
    return answer;
  };
  const asks = entry.asks[ask] ?? '';
  return { q: () => asks, f: fact, s: general, c: general, t: general, k: cycle(random, entry.names) };
}

function cycle(random: Random, list: readonly string[]): () => string {
  let rest: string[] = [];
  return () => {
    if (rest.length === 0) rest = random.sample(list, list.length);
    return rest.pop() ?? '';
  };
}

/** Replaces `{x}` by a draw of slot x and `{2-9}` by a number in that range. */
function fill(random: Random, template: string, slots: Slots): string {
  return template.replace(/\{([a-z]|\d+-\d+)\}/gu, (_, key: string) => {
    const dash = key.indexOf('-');
    if (dash < 0) return slots[key]?.() ?? '';
    const low = Number.parseInt(key.slice(0, dash), 10);
    return String(low + random.below(Number.parseInt(key.slice(dash + 1), 10) - low + 1));
  });
}

/** A closing that speaks of tests or causes would be empty talk for a matter. */
function fits(line: string, entry: Entry): boolean {
  return entry.kind === 'condition' || !/\{[sctk]\}/u.test(line);
}

function story(random: Random, options: ComposeOptions, slots: Slots): string {
  if (options.language === 'ar') {
    const people: readonly (readonly [string, keyof typeof arabic.complaints])[] = arabic.people[options.voice];
    const [who, form] = random.pick(people);
    return `${fill(random, who, {})} ${fill(random, random.pick(arabic.complaints[form]), slots)}`;
  }
  const people: readonly (readonly [string, keyof typeof english.complaints])[] = english.people[options.voice];
  const [who, form] = random.pick(people);
  return `${fill(random, who, {})} ${fill(random, random.pick(english.complaints[form]), slots)}`;
}

function replyParts(random: Random, entry: Entry, vague: boolean, count: number): Part[] {
  if (count <= 0) return [];
  if (vague && random.chance(50)) return (['general', 'general'] satisfies Part[]).slice(0, count);
  if (entry.kind === 'matter') {
    const parts: Part[] = random.chance(15) ? ['general', 'fact'] : ['fact', 'advice'];
    return parts.slice(0, count);
  }
  // Order of a doctor's answer: what it is, why, how to be sure, what to do; some links are left out.
  const order: readonly Part[] = ['general', 'name', 'cause', 'test', 'care', 'advice'];
  const chosen = new Set(random.sample(order, count));
  return order.filter((part) => chosen.has(part));
}

function join(parts: readonly string[], language: Language): string {
  const text = parts
    .filter((part) => part.trim() !== '')
    .join(' ')
    .replace(/\s+/gu, ' ')
    .trim();
  if (language === 'ar') return text;
  return text.replace(/ ([.,?])/gu, '$1').replace(/(^|[.?:] )([a-z])/gu, upperFirst);
}

/** English sentences end with a full stop; the forum's Arabic does without. */
function sentence(text: string, language: Language): string {
  return language === 'en' ? `${text}.` : text;
}

/** ASCII only: the locale-aware functions may differ between machines. */
function upperFirst(_: string, lead: string, letter: string): string {
  return lead + String.fromCharCode(letter.charCodeAt(0) - 32);
}
