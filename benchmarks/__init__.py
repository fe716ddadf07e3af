"""Benchmarks: each module answers one question and writes `results/NAME.json`.

Run them from the repository root: `python -m benchmarks.speed.als`.

| module | what it measures | results |
|---|---|---|
| quality.leaderboard | every model and its peers on every data set | leaderboard |
| quality.closed_forms | closed-form models against published figures | quality |
| quality.blends | blends and their members | blends |
| quality.graphs | graph models | graphs |
| quality.speech | are the words of a sound right? | speech |
| quality.languages | do Chinese and German queries find English plots? | languages |
| quality.next_item | a generative recommender and SASRec on the next item | next_item |
| quality.new_items | items without any behaviour | new_items |
| quality.search | are known items, exact titles and clicks found by search? | search |
| quality.chat_filters | are filters read from sentences those that people mean? | chat_filters |
| quality.encoders | encoders, on new items and on music | encoders_* |
| quality.joint_space | do words find posters, in a learned space? | joint_space |
| quality.alignment | retrieval across modalities | alignment |
| quality.fusion | fusers against the best single modality | fusion |
| quality.reasons_in_words | reasons in words against a model that lies | reasons_in_words |
| quality.timeline | synchronisation of sound and pictures | timeline |
| speed.als | ALS against implicit | als |
| speed.ease_and_evaluation | EASE and the evaluation against their matrix products | speed |
| speed.encoding | encoding against the bare forward pass | encoding, encoding_again |
| speed.propagation | an epoch of LightGCN against torch's sparse product | propagation |
| speed.softmax | cross-entropy over a catalogue against torch's | softmax |
| speed.demo | `polyrec demo` | demo |
| serving.throughput | the service against a bare route | serve_* |
| serving.fresh_items | from upload to recommendable, and bundle swaps | serve_fresh* |
| serving.soak | memory under a long mixed load | soak |
| serving.outage | the database gone under load | outage |
| serving.durability | kill -9 under load | durability |
| serving.slow_connections | a thousand slow or silent connections | slow_connections |
| serving.attacks | a read key, a rate, guessed keys, a full disk | attacks |
| serving.large_requests | costs of the largest requests, and who waits | large_requests |
| serving.worker_kills | two workers, one killed again and again | worker_kills |
| serving.two_workers | two workers beside one, over SQLite and PostgreSQL | two_workers |
| scale.models | models on 20,000 to a million items | scale_models |
| scale.loading | ten million interactions | loading |
| scale.encode_memory | memory of encoding, by catalogue size | memory |

The configs of the data sets are `NAME.yaml` beside this file, tuned settings are in `settings/`.
"""
