// What a caller wants to have measured must be there and be what its fields say.
import { openCorpus } from '#corpus';
import type { EvaluationSubject } from '#proto/ddk/v1/domain_evaluator';
import { type ArtifactStore, namedBy } from '#store';
import { openCheckpoint } from '#train';
import { readStudent } from '#work';

/** Throws not_found or invalid_argument with a violation of the field that names what is missing or something else. */
export async function checkSubject(subject: EvaluationSubject, artifacts: ArtifactStore): Promise<void> {
  const { corpusDigest, studentDigest, checkpointDigest } = subject;
  const corpus = await namedBy('checkpoint.corpus_digest', openCorpus(corpusDigest, artifacts));
  await corpus.close();
  const { config } = await namedBy('checkpoint.student_digest', readStudent(artifacts, studentDigest));
  await namedBy('checkpoint.checkpoint_digest', openCheckpoint(checkpointDigest, artifacts, config));
}
