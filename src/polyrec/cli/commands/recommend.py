"""polyrec recommend."""

from polyrec.cli.app import (
    AsJson,
    BundleFolder,
    Count,
    History,
    UserId,
    app,
    load_bundle,
    require_user_or_history,
    split_commas,
)
from polyrec.cli.console import print_list


@app.command()
def recommend(
    bundle: BundleFolder,
    user: UserId = None,
    history: History = None,
    k: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Rank the items that a user has not seen."""
    require_user_or_history(user, history)
    loaded = load_bundle(bundle)
    if user is not None:
        lists = loaded.recommend([user], k=k)
    else:
        lists = loaded.recommend(histories=[split_commas(history)], k=k)
    print_list(loaded, lists, as_json=as_json)
