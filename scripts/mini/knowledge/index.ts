/**
 * The knowledge base as one value: topics by id and the classes that draw on them.
 * Loading checks the tables, because a misspelt topic id would otherwise silently thin out a class.
 */
import { childSkinConditions, childSkinMatters } from './child-skin';
import { CLASSES } from './classes';
import { internalConditions } from './internal';
import { mindConditions, mindMatters } from './mind';
import { mouthConditions, mouthMatters } from './mouth';
import { nerveSenseConditions, nerveSenseMatters } from './nerve-sense';
import { scienceMatters } from './science';
import type { Condition, ConditionRow, ConditionTable, Matter, MatterRow, MatterTable, Topic } from './types';
import { phrases } from './types';
import { womenMenConditions, womenMenMatters } from './women-men';

export type { Angle, Condition, Entry, Language, Matter, MedicalClass, Topic, Voice } from './types';
export { CLASSES };

const CONDITIONS: readonly ConditionTable[] = [
  mouthConditions,
  mindConditions,
  childSkinConditions,
  womenMenConditions,
  internalConditions,
  nerveSenseConditions,
];
const MATTERS: readonly MatterTable[] = [
  mouthMatters,
  mindMatters,
  childSkinMatters,
  womenMenMatters,
  nerveSenseMatters,
  scienceMatters,
];

/** Every topic by id, in the order of the tables. */
export const TOPICS: ReadonlyMap<string, Topic> = collectTopics();

/** The topic with this id; an unknown id is a mistake in the tables and stops everything. */
export function topicOf(id: string): Topic {
  const topic = TOPICS.get(id);
  if (topic === undefined) throw new Error(`unknown topic '${id}' in scripts/mini/knowledge`);
  return topic;
}

// --- internal ---

function collectTopics(): Map<string, Topic> {
  const topics = new Map<string, Topic>();
  const add = (topic: Topic): void => {
    if (topics.has(topic.id)) throw new Error(`topic '${topic.id}' is written twice`);
    topics.set(topic.id, topic);
  };
  for (const table of CONDITIONS) {
    for (const [id, row] of Object.entries(table)) add({ id, ar: condition(row.ar), en: condition(row.en) });
  }
  for (const table of MATTERS) {
    for (const [id, row] of Object.entries(table)) add({ id, ar: matter(row.ar), en: matter(row.en) });
  }
  for (const medicalClass of CLASSES) {
    for (const [id, weight] of medicalClass.topics) {
      if (!topics.has(id)) throw new Error(`class '${medicalClass.gloss}' names the unknown topic '${id}'`);
      if (!(weight > 0)) throw new Error(`class '${medicalClass.gloss}' gives '${id}' no weight`);
    }
  }
  return topics;
}

function condition(row: ConditionRow): Condition {
  const [names, signs, causes, tests, care, advice] = row;
  return {
    kind: 'condition',
    names: phrases(names),
    signs: phrases(signs),
    causes: phrases(causes),
    tests: phrases(tests),
    care: phrases(care),
    advice: phrases(advice),
  };
}

function matter(row: MatterRow): Matter {
  const [names, asks, facts, advice] = row;
  return { kind: 'matter', names: phrases(names), asks: phrases(asks), facts: phrases(facts), advice: phrases(advice) };
}
