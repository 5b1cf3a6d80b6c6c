"""A mapper that is given the paths of whole files."""

from mrjob.job import MRJob


class WholeFiles(MRJob):  # type: ignore[misc]
    def mapper_raw(self, path, uri):
        with open(path, "rb") as file:
            data = file.read()
        yield uri.rpartition("/")[2], [len(data), data.count(b"\n"), path.rpartition("/")[2]]

    def reducer(self, name, found):
        yield name, list(found)


if __name__ == "__main__":
    WholeFiles.run()
