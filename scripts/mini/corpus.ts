/**
 * Pre-training text for the miniature bases: an endless stream of medical questions and answers, about half Arabic and
 * half English, composed from the hand-written knowledge base.
 *
 *   bun scripts/mini/corpus.ts [--seed N] [--count N]    prints documents, separated by an empty line
 *
 * Documents carry no class labels: the bases must learn the task during fine-tuning, as the paper's do.
 */
import type { ComposeOptions } from './compose';
import { compose, layOut, slips } from './compose';
import type { Language, Topic } from './knowledge/index';
import { CLASSES, TOPICS, topicOf } from './knowledge/index';
import { Random } from './random';

/** Streams of one seed, so that corpus and class rows never share a sequence of draws. */
const CORPUS_STREAM = 1;

/**
 * Documents that close with the subject they were about (a name of the topic, never a class): to predict that line, a base
 * has to gather what it read into its last position, as a large pre-trained model does and a tiny one would not.
 */
const SUBJECT_PERCENT = 60;

/** Endless documents; the same seed always gives the same ones. */
export function* documents(seed: number): Generator<string, never> {
  const random = new Random(seed, CORPUS_STREAM);
  const topics = [...TOPICS.values()];
  for (;;) yield documentOf(random, topics);
}

// --- internal ---

function documentOf(random: Random, topics: readonly Topic[]): string {
  // Arabic is a little shorter than English per document, so 54 of 100 documents make half of the text.
  const language: Language = random.chance(54) ? 'ar' : 'en';
  // Half by topic, half by class: rare topics are met often enough, and so are the views of the classes.
  const medicalClass = random.pick(CLASSES);
  const byClass = random.chance(50);
  const topic = byClass ? topicOf(random.weighted(medicalClass.topics)) : random.pick(topics);
  const options: ComposeOptions = {
    language,
    voice: byClass ? medicalClass.voice : voiceOf(topic),
    angle: byClass ? medicalClass.angle[language] : { asks: [], tells: [] },
    anglePercent: 20,
    vaguePercent: 4,
    directPercent: 35,
    sentences: random.chance(30) ? [3, 5] : [1, 3],
    other: random.pick(topics),
  };
  const dialogue = compose(random, topic, options);
  const question = language === 'en' ? dialogue.question : slips(random, dialogue.question);
  const text = layOut({ question, answer: dialogue.answer }, language);
  if (!random.chance(SUBJECT_PERCENT)) return text;
  const header = language === 'ar' ? 'الموضوع' : 'Subject';
  return `${text}\n${header}\n${random.pick(topic[language].names)}`;
}

/** The voice of the first class that uses the topic: a sensible default where no class was drawn. */
function voiceOf(topic: Topic): ComposeOptions['voice'] {
  return VOICES.get(topic.id) ?? 'any';
}

const VOICES: ReadonlyMap<string, ComposeOptions['voice']> = collectVoices();

function collectVoices(): Map<string, ComposeOptions['voice']> {
  const heaviest = new Map<string, number>();
  const voices = new Map<string, ComposeOptions['voice']>();
  for (const medicalClass of CLASSES) {
    for (const [id, weight] of medicalClass.topics) {
      if (weight <= (heaviest.get(id) ?? 0)) continue;
      heaviest.set(id, weight);
      voices.set(id, medicalClass.voice);
    }
  }
  return voices;
}

if (import.meta.main) {
  const flag = (name: string, fallback: number): number => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? fallback : Number.parseInt(process.argv[at + 1] ?? '', 10);
  };
  const stream = documents(flag('seed', 1));
  for (let i = 0; i < flag('count', 8); i++) console.log(`${stream.next().value}\n`);
}
