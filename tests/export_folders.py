"""Folders as shops, radios and film sites export them."""

import gzip
import io
import json
import random
import wave
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl
from PIL import Image

USERS, ITEMS = 12, 10
START = datetime(2023, 11, 20, 8, tzinfo=UTC)
WORDS = [
    "red",
    "blue",
    "small",
    "large",
    "oak",
    "steel",
    "lamp",
    "chair",
    "table",
    "vase",
    "night",
    "river",
    "garden",
    "song",
    "story",
]


class Folder(NamedTuple):
    """How to write a folder, and what is right: keys of `data` and of `data.columns`."""

    write: Callable[[Path], None]
    data: dict[str, object]
    columns: dict[str, object]


def events() -> Iterator[tuple[int, int, datetime, int]]:
    """Yield user, item, time and a number from 1 to 5."""
    draw = random.Random(1)
    time = START
    for _ in range(6):
        for user in range(USERS):
            time += timedelta(hours=draw.randint(5, 40), seconds=draw.randint(1, 59))
            yield user, int(ITEMS * draw.random() ** 1.5), time, draw.randint(1, 5)


def title(item: int) -> str:
    return f"{WORDS[item % 7].title()} {WORDS[(item * 5 + 3) % len(WORDS)]} {item}"


def plot(item: int) -> str:
    return " ".join(WORDS[(item * 3 + k * k) % len(WORDS)] for k in range(9))


def table(path: Path, heads: str, rows: Iterator[list] | list[list], separator: str = ",",
          encoding: str = "utf-8") -> None:  # fmt: skip
    lines = [heads, *(separator.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding=encoding)


def picture(path: Path, colour: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 24), (25 * colour % 256, 90, 200)).save(path)


def sound(path: Path, frequency: int) -> None:
    """Write half a second of a square wave."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(90 + 70 * (n * frequency // 4000 % 2) for n in range(4000)))


def us_shop(folder: Path) -> None:
    table(folder / "orders.csv", "order_id;customer;sku;order_date;quantity;unit_price",
          [[900 + n // 2, f"{u:04}", f"{i:03}", f"{t:%m/%d/%Y}", q, f"{q}.90"]
           for n, (u, i, t, q) in enumerate(events())], ";")  # fmt: skip
    table(folder / "products.csv", "sku,name,description,category,price,picture",
          [[f"{i:03}", title(i), plot(i), ["Lamps", "Chairs"][i % 2], f"{i}.50", f"img_{i}.png"]
           for i in range(ITEMS)])  # fmt: skip
    for i in range(ITEMS):
        picture(folder / "pictures" / "ab"[i % 2] / f"img_{i}.png", i)


def german_shop(folder: Path) -> None:
    table(folder / "Bestellungen.csv", "Bestellnr;Kunde;Artikelnummer;Datum;Menge;Betrag",
          [[n, f"K{u}", f"A-{i}", f"{t:%d.%m.%Y %H:%M}", q, f"{q},50"]
           for n, (u, i, t, q) in enumerate(events())], ";", "cp1252")  # fmt: skip
    table(folder / "Artikel.csv", "Artikelnummer;Bezeichnung;Beschreibung;Kategorie;Preis",
          [[f"A-{i}", f"Möbel {title(i)}", f"für {plot(i)}", ["Küche", "Bad"][i % 2], f"{i},95"]
           for i in range(ITEMS)], ";", "cp1252")  # fmt: skip


def radio(folder: Path) -> None:
    table(folder / "plays.tsv", "listener\ttrack\tplayed_at\tseconds",
          [[f"l{u}", 5000 + i, f"{t:%Y-%m-%dT%H:%M:%SZ}", q * 31]
           for u, i, t, q in events()], "\t")  # fmt: skip
    table(folder / "tracks.tsv", "id\ttitle\tartist\talbum\tyear\tfile",
          [[5000 + i, title(i), f"The {WORDS[i % 3]}s", WORDS[i % 5], 1990 + i, f"wav/{i}.wav"]
           for i in range(ITEMS)], "\t")  # fmt: skip
    (folder / "wav").mkdir()
    for i in range(ITEMS):
        sound(folder / "wav" / f"{i}.wav", 200 + 40 * i)


def json_film_site(folder: Path) -> None:
    ratings = [
        {
            "userId": f"u-{u}",
            "filmId": f"tt{i:07}",
            "stars": q,
            "ratedAt": int(t.timestamp() * 1000),
        }
        for u, i, t, q in events()
    ]
    films = [
        {"id": f"tt{i:07}", "name": title(i), "plot": plot(i), "genres": ["Drama", WORDS[i % 4]],
         "poster": f"https://img.example/{i}.jpg"} for i in range(ITEMS)
    ]  # fmt: skip
    for name, rows in (("ratings", ratings), ("films", films)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def tracker(folder: Path) -> None:
    heads = (
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,"
        "user_session"
    )
    kinds = ["view", "view", "view", "cart", "purchase"]
    rows = [
        [f"{t:%Y-%m-%d %H:%M:%S} UTC", kinds[q - 1], 1_004_000 + i,
         2_053_013_555_631_882_655 + i % 3, f"home.{WORDS[i % 3]}", WORDS[i % 4], f"{i}.9",
         512_000_000 + u, f"s-{u}-{n // 7}"]
        for n, (u, i, t, q) in enumerate(events())
    ]  # fmt: skip
    text = "\n".join([heads, *(",".join(map(str, row)) for row in rows)])
    (folder / "2023-Nov.csv.gz").write_bytes(gzip.compress(text.encode()))


def warehouse(folder: Path) -> None:
    rows = list(events())
    pl.DataFrame({
        "purchase_key": range(len(rows)), "customer_key": [1 + u for u, *_ in rows],
        "product_key": [1 + i for _, i, *_ in rows], "purchase_ts": [t for _, _, t, _ in rows],
        "quantity": [q for *_, q in rows],
    }).write_parquet(folder / "fact_purchases.parquet")  # fmt: skip
    pl.DataFrame({
        "product_key": range(1, ITEMS + 1), "product_name": [title(i) for i in range(ITEMS)],
        "category": [WORDS[i % 3] for i in range(ITEMS)],
        "list_price": [i + 0.5 for i in range(ITEMS)],
    }).write_parquet(folder / "dim_product.parquet")  # fmt: skip
    pl.DataFrame({
        "customer_key": range(1, USERS + 1), "city": [WORDS[u % 5] for u in range(USERS)],
        "birth_date": [START.replace(year=1970 + u) for u in range(USERS)],
    }).write_parquet(folder / "dim_customer.parquet")  # fmt: skip


def hosted_shop(folder: Path) -> None:
    table(folder / "orders_export.csv",
          "Name,Email,Financial Status,Created at,Lineitem quantity,Lineitem name,Lineitem sku,"
          "Total",
          [[f"#{1000 + n}", f"mail{u}@example.org", "paid", f"{t:%Y-%m-%d %H:%M:%S} -0500", q,
            title(i), f"SKU{i}", f"{q * 3}.00"]
           for n, (u, i, t, q) in enumerate(events())])  # fmt: skip
    table(folder / "products_export.csv",
          "Handle,Title,Body (HTML),Vendor,Type,Tags,Variant SKU,Variant Price,Image Src",
          [[f"h-{i}", title(i), f"<p>{plot(i)}</p>", f"V{i % 3}", ["Lamp", "Chair"][i % 2],
            f'"{WORDS[i % 4]}, new"', f"SKU{i}", f"{i}.00", f"https://cdn.example/{i}.jpg"]
           for i in range(ITEMS)])  # fmt: skip


def shop_with_photos_by_number(folder: Path) -> None:
    table(folder / "sales.csv", "date,client_id,article,qty",
          [[f"{t:%Y-%m-%d}", u, f"ART{i}", q] for u, i, t, q in events()])  # fmt: skip
    (folder / "export").mkdir()
    table(folder / "export" / "articles.csv", "article,label,summary",
          [[f"ART{i}", title(i), plot(i)] for i in range(ITEMS)])  # fmt: skip
    table(folder / "export" / "prices.csv", "article|price|stock",
          [[f"ART{i}", f"{i}.25", 3 * i] for i in range(ITEMS)], "|")  # fmt: skip
    for i in range(ITEMS):
        picture(folder / "photos" / f"art{i}.JPG", i)


def scrobbles(folder: Path) -> None:
    frame = pl.DataFrame(
        [(f"fan{u}", f"{title(i)}", f"mbid-{i}", int(t.timestamp())) for u, i, t, _ in events()],
        schema=["username", "track_name", "track_mbid", "uts"], orient="row",
    )  # fmt: skip
    frame.write_csv(folder / "scrobbles.csv")
    (folder / "README.txt").write_text("Exported by the radio, for research.\nNo support.\n")


def small_movielens(folder: Path) -> None:
    table(folder / "ratings.csv", "userId,movieId,rating,timestamp",
          [[u, i, q, int(t.timestamp())] for u, i, t, q in events()])  # fmt: skip
    table(folder / "movies.csv", "movieId,title,genres",
          [[i, f"{title(i)} (1999)", ["Drama|War", "Comedy"][i % 2]]
           for i in range(ITEMS)])  # fmt: skip


def old_movielens(folder: Path) -> None:
    table(folder / "ratings.dat", "0::0::5::978300760",
          [[u, i, q, int(t.timestamp())] for u, i, t, q in events()], "::")  # fmt: skip
    table(folder / "movies.dat", f"{ITEMS}::Last (1998)::Drama",
          [[i, f"{title(i)} (1999)", "Drama|War"] for i in range(ITEMS)],
          "::", "latin-1")  # fmt: skip
    table(folder / "users.dat", "0::F::1::10::48067",
          [[u, "FM"[u % 2], 18, u % 5, 48067 + u] for u in range(1, USERS)], "::")  # fmt: skip


def movielens_100k(folder: Path) -> None:
    rows = list(events())
    table(folder / "u.data", "0\t1\t5\t1700467200",
          [[u, i, q, int(t.timestamp())] for u, i, t, q in rows], "\t")  # fmt: skip
    table(folder / "u.item", "0|First (1998)|01-Jan-1998||http://film.example|0|1",
          [[i, f"{title(i)} (1999)", "01-Jan-1999", "", "http://film.example", 0, 1]
           for i in range(1, ITEMS)], "|", "latin-1")  # fmt: skip
    table(folder / "u.user", "0|24|M|writer|85711",
          [[u, 20 + u, "FM"[u % 2], ["artist", "other"][u % 2], f"0{u}43537"]
           for u in range(1, USERS)], "|")  # fmt: skip


def yearly_orders(folder: Path) -> None:
    rows = list(events())
    for year, part in ((2023, rows[:40]), (2024, rows[40:])):
        table(folder / f"orders_{year}.csv", "order,customer_no,product_no,ordered_at,units",
              [[f"{year}-{n}", f"c{u}", 100 + i, f"{t:%Y-%m-%d %H:%M}", q]
               for n, (u, i, t, q) in enumerate(part)])  # fmt: skip
    table(folder / "products.csv", "no;name;colour;price",
          [[100 + i, title(i), WORDS[i % 2], f"{i},95"] for i in range(ITEMS)], ";")  # fmt: skip
    table(folder / "customers.csv", "customer_no,mail,city,plan,since",
          [[f"c{u}", f"mail{u}@example.org", WORDS[u % 3], "AB"[u % 2], f"2022-01-{u + 10}"]
           for u in range(USERS)])  # fmt: skip


def actions(folder: Path) -> None:
    rows = list(events())
    table(
        folder / "likes.csv",
        "user_id,track_id,liked_at",
        [[f"u{u}", f"t{i}", f"{t:%Y-%m-%dT%H:%M:%SZ}"] for u, i, t, q in rows if q < 4],
    )
    table(
        folder / "purchases.csv",
        "customer,track,amount,date",
        [[f"u{u}", f"t{i}", "0.99", f"{t:%Y-%m-%d}"] for u, i, t, q in rows if q > 3],
    )
    table(
        folder / "skips.tsv",
        "ts\tlistener\ttrack_id",
        [[int(t.timestamp()), f"u{u}", f"t{i}"] for u, i, t, q in rows if q == 2],
        "\t",
    )
    table(folder / "tracks.csv", "track_id,title,artist,genre",
          [[f"t{i}", title(i), f"The {WORDS[i % 3]}s", ["Pop", "Jazz"][i % 2]]
           for i in range(ITEMS)])  # fmt: skip


def library(folder: Path) -> None:
    table(
        folder / "ausleihen.csv",
        "leser_nr;medien_nr;ausleihdatum",
        [[f"L{u}", f"M{i}", f"{t:%d.%m.%Y}"] for u, i, t, q in events()],
        ";",
    )
    table(
        folder / "medien.csv",
        "medien_nr;titel;verfasser;gattung",
        [[f"M{i}", title(i), f"V{i % 3}", "Roman"] for i in range(ITEMS)],
        ";",
    )
    table(
        folder / "leser.csv",
        "leser_nr;geburtsjahr;ort",
        [[f"L{u}", 1970 + u // 2, "Bonn"] for u in range(USERS)],
        ";",
    )


def book_club(folder: Path) -> None:
    table(folder / "reviews.csv", "user_id,book_id,rating,date_added",
          [[f"{u:08x}", 9000 + i, q, f"{t:%a %b %d %H:%M:%S -0800 %Y}"]
           for u, i, t, q in events()])  # fmt: skip
    table(
        folder / "books.csv",
        "book_id,title,authors,average_rating,publication_year",
        [[9000 + i, title(i), f"A{i % 3}", "4.1", 1990 + i] for i in range(ITEMS)],
    )


def game_log(folder: Path) -> None:
    """Write a table without a header, with names of items instead of ids."""
    table(folder / "games-200k.csv", "151603712,Old Scrolls,purchase,1.0,0",
          [[151603712 + u, title(i), ["purchase", "play"][q % 2], f"{30 * q}.5", 0]
           for u, i, t, q in events()])  # fmt: skip


def bare_tables(folder: Path) -> None:
    """Write tables without headers."""
    rows = [[f"u{u}", f"i{i}", q, int(t.timestamp())] for u, i, t, q in events()]
    table(folder / "log.csv", "u0,i1,5,1700467201", rows)
    table(folder / "titles.csv", "i0;First thing;Lamps;10.5",
          [[f"i{i}", title(i), ["Lamps", "Chairs"][i % 2], f"{i}.5"]
           for i in range(1, ITEMS)], ";")  # fmt: skip


def gorse_export(folder: Path) -> None:
    feedback = [
        {"FeedbackType": ["read", "like"][q % 2], "UserId": f"u{u}", "ItemId": f"i{i}",
         "Timestamp": t.isoformat()} for u, i, t, q in events()
    ]  # fmt: skip
    items = [
        {"ItemId": f"i{i}", "IsHidden": False, "Categories": [WORDS[i % 3]], "Comment": title(i),
         "Labels": {"tags": [WORDS[i % 4]]}, "Timestamp": START.isoformat()} for i in range(ITEMS)
    ]  # fmt: skip
    for name, rows in (("feedback", feedback), ("items", items)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def recbole(folder: Path) -> None:
    table(folder / "shop.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float",
          [[u, f"0{i}", q, t.timestamp()] for u, i, t, q in events()], "\t")  # fmt: skip
    table(folder / "shop.item", "item_id:token\ttitle:token_seq\tprice:float",
          [[f"0{i}", title(i), i + 0.5] for i in range(ITEMS)], "\t")  # fmt: skip


def reviews(folder: Path) -> None:
    lines = io.StringIO()
    for u, i, t, q in events():
        row = {"user_id": f"A{u}", "parent_asin": f"B{i}", "rating": float(q), "title": "ok",
               "timestamp": int(t.timestamp() * 1000)}  # fmt: skip
        lines.write(json.dumps(row) + "\n")
    (folder / "All_Beauty.jsonl.gz").write_bytes(gzip.compress(lines.getvalue().encode()))
    meta = [{"parent_asin": f"B{i}", "title": title(i), "features": [plot(i)], "price": None,
             "store": WORDS[i % 3]} for i in range(ITEMS)]  # fmt: skip
    (folder / "meta_All_Beauty.jsonl").write_text("".join(json.dumps(row) + "\n" for row in meta))


def spanish_books(folder: Path) -> None:
    table(folder / "ventas.csv", "fecha;usuario;libro;unidades",
          [[f"{t:%d/%m/%Y %H:%M}", f"us{u}", f"97800{i:05}", q]
           for u, i, t, q in events()], ";")  # fmt: skip
    table(folder / "libros.csv", "isbn;titulo;autor;genero;precio",
          [[f"97800{i:05}", title(i), f"Autor {WORDS[i % 4]}", ["Novela", "Cuento"][i % 2],
            f"{i},50"] for i in range(ITEMS)], ";", "cp1252")  # fmt: skip


def clothes(folder: Path) -> None:
    table(folder / "transactions_train.csv", "t_dat,customer_id,article_id,price,sales_channel_id",
          [[f"{t:%Y-%m-%d}", f"{u:064x}", f"0{10_000 + i:09}", f"0.0{q}", q % 2 + 1]
           for u, i, t, q in events()])  # fmt: skip
    table(folder / "articles.csv",
          "article_id,product_code,prod_name,product_type_name,detail_desc",
          [[f"0{10_000 + i:09}", f"{10_000 + i // 2}", title(i), ["Vest top", "Bra"][i % 2],
            plot(i)] for i in range(ITEMS)])  # fmt: skip
    table(folder / "customers.csv", "customer_id,age",
          [[f"{u:064x}", 20 + u // 2] for u in range(USERS)])  # fmt: skip
    for i in range(ITEMS):
        picture(folder / "images" / "010" / f"0{10_000 + i:09}.jpg", i)


def french_shop(folder: Path) -> None:
    table(folder / "commandes.csv", "n° commande;client;référence;date;quantité",
          [[n, f"c{u}", f"REF{i}", f"{t:%d/%m/%y}", q]
           for n, (u, i, t, q) in enumerate(events())], ";", "utf-16")  # fmt: skip
    table(folder / "catalogue.csv", "référence;désignation;rayon;prix;photo",
          [[f"REF{i}", title(i), ["Été", "Hiver"][i % 2], f"{i},90 €", f"photos\\p{i}.png"]
           for i in range(ITEMS)], ";", "utf-16")  # fmt: skip
    for i in range(ITEMS):
        picture(folder / "photos" / f"p{i}.png", i)


def counts(folder: Path) -> None:
    table(folder / "user_artists.dat", "userID\tartistID\tweight\twhen",
          [[u, i, q * 100, int(t.timestamp() * 1000)]
           for u, i, t, q in events()], "\t")  # fmt: skip
    table(folder / "artists.dat", "id\tname\turl",
          [[i, title(i), f"http://last.example/{i}"] for i in range(ITEMS)], "\t")  # fmt: skip


FOLDERS = {
    "us_shop": Folder(
        us_shop,
        {"interactions": "orders.csv", "items": ["products.csv"], "image": "picture"},
        {"user": "customer", "item": ["sku"], "time": "order_date", "title": "name",
         "categories": "category", "price": "price"},
    ),
    "german_shop": Folder(
        german_shop,
        {"interactions": "Bestellungen.csv", "items": ["Artikel.csv"]},
        {"user": "Kunde", "item": ["Artikelnummer"], "time": "Datum", "title": "Bezeichnung",
         "categories": "Kategorie", "price": "Preis"},
    ),
    "radio": Folder(
        radio,
        {"interactions": "plays.tsv", "items": ["tracks.tsv"], "audio": "file"},
        {"user": "listener", "item": ["track", "id"], "time": "played_at", "title": "title",
         "brand": "artist"},
    ),
    "json_film_site": Folder(
        json_film_site,
        {"interactions": "ratings.jsonl", "items": ["films.jsonl"], "min_rating": 4},
        {"user": "userId", "item": ["filmId", "id"], "time": "ratedAt", "rating": "stars",
         "title": "name", "categories": "genres"},
    ),
    "tracker": Folder(
        tracker,
        {"interactions": "2023-Nov.csv.gz", "kinds": {"view": 1.0, "cart": 2.0, "purchase": 4.0}},
        {"user": "user_id", "item": ["product_id"], "time": "event_time", "kind": "event_type"},
    ),
    "warehouse": Folder(
        warehouse,
        {"interactions": "fact_purchases.parquet", "items": ["dim_product.parquet"]},
        {"user": "customer_key", "item": ["product_key"], "time": "purchase_ts",
         "title": "product_name", "price": "list_price", "user_labels": ["city"]},
    ),
    "hosted_shop": Folder(
        hosted_shop,
        {"interactions": "orders_export.csv", "items": ["products_export.csv"]},
        {"user": "Email", "item": ["Lineitem sku", "Variant SKU"], "time": "Created at",
         "title": "Title", "price": "Variant Price", "brand": "Vendor"},
    ),
    "photos_by_number": Folder(
        shop_with_photos_by_number,
        {"interactions": "sales.csv", "items": ["export/articles.csv", "export/prices.csv"],
         "image": "article"},
        {"user": "client_id", "item": ["article"], "time": "date", "title": "label",
         "price": "price", "numbers": ["stock"]},
    ),
    "spanish_books": Folder(
        spanish_books,
        {"interactions": "ventas.csv", "items": ["libros.csv"]},
        {"user": "usuario", "item": ["libro", "isbn"], "time": "fecha", "title": "titulo",
         "categories": "genero", "price": "precio", "brand": "autor"},
    ),
    "clothes": Folder(
        clothes,
        {"interactions": "transactions_train.csv", "items": ["articles.csv"],
         "image": "article_id"},
        {"user": "customer_id", "item": ["article_id"], "time": "t_dat", "title": "prod_name",
         "user_labels": ["age"]},
    ),
    "french_shop": Folder(
        french_shop,
        {"interactions": "commandes.csv", "items": ["catalogue.csv"], "image": "photo",
         "time_format": "%d/%m/%y"},
        {"user": "client", "item": ["référence"], "time": "date", "title": "désignation",
         "categories": "rayon"},
    ),
    "counts": Folder(
        counts,
        {"interactions": "user_artists.dat", "items": ["artists.dat"]},
        {"user": "userID", "item": ["artistID", "id"], "time": "when", "title": "name",
         "weight": "weight"},
    ),
    "scrobbles": Folder(
        scrobbles,
        {"interactions": "scrobbles.csv"},
        {"user": "username", "item": ["track_mbid"], "time": "uts"},
    ),
    "small_movielens": Folder(
        small_movielens, {"use": "movielens", "min_rating": 4, "text": ["title", "genres"]},
        {"title": "title", "categories": "genres"},
    ),
    "old_movielens": Folder(
        old_movielens, {"use": "movielens", "min_rating": 4},
        {"categories": "genres", "user_labels": ["gender", "age", "occupation"]},
    ),
    "movielens_100k": Folder(
        movielens_100k, {"use": "movielens", "min_rating": 4},
        {"title": "title", "user_labels": ["gender", "age", "occupation"]},
    ),
    "yearly_orders": Folder(
        yearly_orders,
        {"interactions": ["orders_2023.csv", "orders_2024.csv"], "items": ["products.csv"],
         "users": "customers.csv"},
        {"user": "customer_no", "item": ["product_no", "no"], "time": "ordered_at",
         "title": "name", "price": "price", "labels": ["colour"], "user_labels": ["city", "plan"]},
    ),
    "actions": Folder(
        actions,
        {"interactions": {"likes.csv": "likes", "purchases.csv": "purchases", "skips.tsv": "skips"},
         "items": ["tracks.csv"], "kinds": {"likes": 2.0, "purchases": 4.0, "skips": -2.0}},
        {"user": ["customer", "user_id", "listener"], "item": ["track", "track_id"],
         "time": ["date", "liked_at", "ts"], "title": "title", "brand": "artist"},
    ),
    "library": Folder(
        library,
        {"interactions": "ausleihen.csv", "items": ["medien.csv"], "users": "leser.csv"},
        {"user": "leser_nr", "item": ["medien_nr"], "time": "ausleihdatum", "title": "titel",
         "user_labels": ["geburtsjahr", "ort"]},
    ),
    "book_club": Folder(
        book_club,
        {"interactions": "reviews.csv", "items": ["books.csv"], "min_rating": 4},
        {"user": "user_id", "item": ["book_id"], "time": "date_added", "rating": "rating",
         "title": "title", "brand": "authors"},
    ),
    "game_log": Folder(
        game_log,
        {"interactions": "games-200k.csv", "kinds": {"purchase": 4.0, "play": 1.0}},
        {"user": "games-200k_column_1", "item": ["games-200k_column_2"],
         "kind": "games-200k_column_3"},
    ),
    "bare_tables": Folder(
        bare_tables,
        {"interactions": "log.csv", "items": ["titles.csv"], "min_rating": 4,
         "dialect": {name: {"header": [f"{name[:-4]}_column_{n}" for n in range(1, 5)]}
                     for name in ("log.csv", "titles.csv")}},
        {"user": "log_column_1", "item": ["log_column_2", "titles_column_1"],
         "rating": "log_column_3", "time": "log_column_4", "title": "titles_column_2"},
    ),
    "gorse_export": Folder(
        gorse_export, {"use": "gorse", "kinds": {"read": 1.0, "like": 2.0}}, {}
    ),
    "recbole": Folder(
        recbole, {"use": "recbole", "min_rating": 4}, {"title": "title", "price": "price"}
    ),
    "reviews": Folder(
        reviews, {"use": "amazon", "min_rating": 4}, {"title": "title", "brand": "store"}
    ),
}  # fmt: skip
