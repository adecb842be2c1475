import pytest


@pytest.fixture
def read(program, monkeypatch):
    """read(words, **texts): the arguments of a program "soups" that is called with these words."""
    options = program("options")

    def call(words, **texts):
        monkeypatch.setattr("sys.argv", ["soups.py", *words.split()])
        parser = options.program_parser("A line.")
        parser.add_argument("--work", type=options.Path)
        options.add_seeds(parser)
        return options.read(parser, "soups", quick="small", **texts)

    return call


def test_results_go_to_the_programs_own_file_and_those_of_a_quick_run_nowhere(read, program):
    own = program("soups").HERE / "results" / "soups.json"
    assert (read("").out, read("--quick").out, str(read("--quick --out a.json").out)) == (own, None, "a.json")


@pytest.mark.parametrize("words, seeds", [("", [0, 1, 2]), ("--quick", [0]), ("--seed 4 --seeds 2", [4, 5]),
                                          ("--seed 7 --quick --seeds 3", [7, 8, 9])])
def test_the_seeds_are_three_or_one_or_as_many_as_asked(words, seeds, read, program):
    assert program("options").seeds_of(read(words)) == seeds


def test_a_program_that_keeps_runs_needs_a_folder_which_is_made_and_a_quick_run_takes_a_new_one(read, tmp_path, capsys):
    with pytest.raises(SystemExit):
        read("", keeps="the runs")
    assert "soups.py: error: --work names the folder that keeps the runs" in capsys.readouterr().err
    assert read(f"--work {tmp_path}/new/one", keeps="the runs").work.is_dir()
    first, second = (read("--quick", keeps="the runs").work for _ in range(2))
    assert first.is_dir() and first != second
    first.rmdir(), second.rmdir()


def test_the_help_has_the_programs_lines_and_texts(read, capsys):
    with pytest.raises(SystemExit):
        read("--help", data_dir="where", out="the file")
    text = " ".join(capsys.readouterr().out.split())
    assert "A line." in text and "the first seed (default: 0)" in text and "--data-dir DATA_DIR where" in text
    assert "the file (default: results/soups.json; none with --quick)" in text and "--quick small" in text
