// Calls every method of gorsejs in turn; prints a line of JSON per call: method, result or error.
const { Gorse } = require("gorsejs");

const client = new Gorse({ endpoint: process.argv[2], secret: process.argv[3] });
const time = new Date("2022-02-24T00:00:00Z");
const event = (type, item) => ({ FeedbackType: type, UserId: "jo", ItemId: item, Timestamp: time });
const item = { ItemId: "js1", IsHidden: false, Timestamp: time, Categories: ["a"], Comment: "A kite" };
const page = { cursorOptions: { n: 2 } };
const calls = [
  ["insertUser", { UserId: "jo", Labels: ["x"] }],
  ["insertUsers", [{ UserId: "jo1" }, { UserId: "jo2" }]],
  ["updateUser", "jo", { Comment: "new" }],
  ["getUser", "jo"],
  ["getUsers", { n: 2 }],
  ["upsertItem", item],
  ["upsertItems", [{ ...item, ItemId: "js2" }, { ...item, ItemId: "js3" }]],
  ["updateItem", "js1", { Labels: ["y"] }],
  ["insertItemCategory", "js1", "b"],
  ["deleteItemCategory", "js1", "a"],
  ["getItem", "js1"],
  ["getItems", { n: 2 }],
  ["insertFeedbacks", [event("like", "i0003"), event("star", "js1")]],
  ["upsertFeedbacks", [event("like", "i0009")]],
  ["getFeedback", { type: "like", userId: "jo", itemId: "i0003" }],
  ["getFeedbacks", "like", { n: 2 }],
  ["getFeedbacks", undefined, { n: 2 }],
  ["getUserFeedback", "jo"],
  ["getUserFeedbackByType", "jo", "like"],
  ["getItemFeedback", "js1"],
  ["getItemFeedbackByType", "js1", "star"],
  ["getPopular", page],
  ["getLatest", page],
  ["getLatest", { ...page, category: "b" }],
  ["getRecommend", { ...page, userId: "jo" }],
  ["getRecommend", { ...page, userId: "jo", writeBackType: "read", writeBackDelay: "10m" }],
  ["getSessionRecommend", [event("like", "i0003")], page],
  ["getItemNeighbors", { ...page, itemId: "i0003" }],
  ["getUserNeighbors", { ...page, userId: "jo" }],
  ["deleteFeedback", { type: "star", userId: "jo", itemId: "js1" }],
  ["deleteItem", "js3"],
  ["deleteUser", "jo"],
  ["getUser", "jo"],
];

(async () => {
  const methods = Object.getOwnPropertyNames(Gorse.prototype).filter((name) => name !== "constructor");
  console.log(JSON.stringify({ methods }));
  for (const [method, ...values] of calls) {
    const line = { method };
    try {
      line.result = await client[method](...values);
    } catch (error) {
      line.error = error.code;
    }
    console.log(JSON.stringify(line));
  }
})();
