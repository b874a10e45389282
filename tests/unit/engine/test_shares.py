"""Tags by which the runs of one owner are counted, and those of all others are found."""

from pygeoapi_prefect.engine import shares


def test_a_run_has_the_tag_of_its_owner_and_one_of_256_shares() -> None:
    owner, group, share = shares.tags_of("192.0.2.1")
    assert owner == shares.owner_tag("192.0.2.1") != shares.owner_tag("192.0.2.2")
    assert share in shares.SHARES
    assert group in shares.GROUPS
    assert share.startswith(group)
    assert shares.share_of([group, share]) == share
    assert len(set(shares.SHARES)) == 256
    assert "192.0.2.1" not in owner + share


def test_owners_are_spread_over_all_shares() -> None:
    seen = {shares.share_of(shares.tags_of(f"owner {number}")) for number in range(5000)}
    assert seen == set(shares.SHARES)


def test_a_run_without_an_owner_has_no_tags_and_belongs_to_the_others() -> None:
    assert shares.tags_of("") == []
    assert shares.share_of(["pygeoapi", "process:echo"]) == shares.OTHERS
    assert shares.share_of(["pygeoapi", *shares.tags_of("a")]) in shares.SHARES


def test_the_filter_of_shares_names_them() -> None:
    assert shares.any_of(["share:00", "share:ff"]) == {"any_": ["share:00", "share:ff"]}


def test_the_filter_with_the_others_finds_schedules_and_runs_without_tags() -> None:
    found = shares.any_of([shares.OTHERS, "share:00"])
    assert found == {"operator": "or_", "any_": ["share:00", "auto-scheduled"], "is_null_": True}


def test_the_filter_of_all_but_some_is_short() -> None:
    left_out = ("share:00", "share:0f", "share:a7")
    tags = shares.any_of([one for one in shares.SHARES if one not in left_out])["any_"]
    assert len(tags) == 14 + 14 + 15
    for share in shares.SHARES:
        assert bool({share, share[:-1]} & set(tags)) == (share not in left_out)
