#include "sim/config/document.h"

#include <gtest/gtest.h>

#include "tests/unit/config/config_test_support.h"

namespace perfwatt {
namespace {

constexpr const char* kHead = "schema: perfwatt/chip/v1\n";

Document parse(const std::string& body, const std::vector<std::string>& overrides = {}) {
    return Document::parse(ConfigKind::chip, kHead + body, "c.yaml", {}, overrides);
}

std::string values(const Document& document) {
    std::string text;
    flatten(document.root(), "", text);
    return text;
}

/// What a user would read of a document's own mistakes.
std::string mistakes(const std::string& body, const std::vector<std::string>& overrides = {}) {
    return message_of([&] {
        const Document document = parse(body, overrides);
        Reading(document).finish();
    });
}

TEST(Document, KeepsTextAsWritten) {
    EXPECT_EQ(values(parse("a: 1.50\nb: {c: [x, 'y z', 0x10]}\n")),
              "a=1.50\nb.c[0]=x\nb.c[1]=y z\nb.c[2]=0x10\n");
}

TEST(Document, PlacesPointAtValues) {
    const Document document = parse("npu:\n  rows: 64\n  via: [a, b]\n");
    const ConfigNode* npu = document.root().find("npu");
    ASSERT_NE(npu, nullptr);
    EXPECT_EQ(npu->find("rows")->place.line, 3);
    EXPECT_EQ(npu->find("rows")->place.column, 9);
    EXPECT_EQ(npu->find("via")->items[1].place.column, 12);
    EXPECT_EQ(document.source_line(npu->find("rows")->place), "  rows: 64");
}

TEST(Document, DuplicateKeysAreRefused) {
    EXPECT_EQ(mistakes("a: 1\nb: 2\na: 3\n"),
              "c.yaml:4:1: error: duplicate key 'a'\n"
              "  a: 3\n"
              "  ^\n"
              "  hint: first given at line 2\n");
}

TEST(Document, AllMistakesComeAtOnce) {
    EXPECT_EQ(mistakes("a: &x 1\nb: *x\nc: !!int 3\n<<: 4\n"),
              "c.yaml:2:4: error: anchors and aliases are not read\n"
              "  a: &x 1\n"
              "     ^\n"
              "  hint: repeat the value, or share it with 'extends'\n"
              "c.yaml:3:4: error: anchors and aliases are not read\n"
              "  b: *x\n"
              "     ^\n"
              "  hint: repeat the value, or share it with 'extends'\n"
              "c.yaml:4:4: error: the tag 'tag:yaml.org,2002:int' is not read\n"
              "  c: !!int 3\n"
              "     ^\n"
              "  hint: write the plain value: the schema knows its type\n"
              "c.yaml:5:1: error: the merge key '<<' is not read\n"
              "  <<: 4\n"
              "  ^\n"
              "  hint: use 'extends', or repeat\n");
}

TEST(Document, TabsAreRefused) {
    EXPECT_EQ(mistakes("a:\tb\n"),
              "c.yaml:2:3: error: a tab character\n"
              "  a:\tb\n"
              "    ^\n"
              "  hint: indent and separate with spaces\n");
}

TEST(Document, MoreThanOneDocumentIsRefused) {
    EXPECT_EQ(mistakes("a: 1\n---\nb: 2\n"),
              "c.yaml:3:1: error: the file holds more than one document\n"
              "  ---\n"
              "  ^\n");
}

TEST(Document, BrokenYamlIsPlaced) {
    EXPECT_EQ(mistakes("a: [1, 2\nb: 3\n").substr(0, 40),
              "c.yaml:3:2: error: this is not YAML: end");
}

TEST(Document, BinaryEmptyAndHugeTextsAreRefused) {
    const auto read = [](std::string text) {
        return message_of(
            [&] { (void)Document::parse(ConfigKind::chip, std::move(text), "c.yaml", {}, {}); });
    };
    EXPECT_EQ(read(""), "c.yaml: error: the file is empty\n");
    EXPECT_EQ(read(" \n\n"), "c.yaml: error: the file is empty\n");
    EXPECT_EQ(read(std::string("\x7f\x45LF\0", 5)),
              "c.yaml:1:1: error: this is not a text file\n"
              "  hint: the byte 0x7f is not UTF-8 text\n");
    EXPECT_EQ(read("# nothing\n"), "c.yaml: error: the file is empty\n");
    EXPECT_EQ(read("[1, 2]\n"),
              "c.yaml:1:1: error: the file must hold a map, not a list\n"
              "  [1, 2]\n"
              "  ^\n"
              "  hint: begin the file with 'schema: perfwatt/chip/v1'\n");
    EXPECT_EQ(read(std::string(5 << 20, 'a')), "c.yaml: error: the file is larger than 4 MiB\n");
}

TEST(Document, DepthAndKeysAreBounded) {
    const std::string deep = mistakes("a: " + std::string(100, '[') + "\n");
    EXPECT_NE(deep.find("nested more than 32 deep"), std::string::npos) << deep;
    EXPECT_NE(mistakes("? [a, b]\n: 1\n").find("a key must be a word, not a list or map"),
              std::string::npos);
}

TEST(Document, MapsAreBounded) {
    std::string body;
    for (int i = 0; i <= 20'000; ++i) body += "k" + std::to_string(i) + ": 1\n";
    EXPECT_NE(mistakes(body).find("more than 20000 keys in one map"), std::string::npos);
}

TEST(Document, ByteOrderMarksAndCarriageReturnsAreNoMatter) {
    const Document document = Document::parse(
        ConfigKind::chip, "\xef\xbb\xbfschema: perfwatt/chip/v1\r\na: b\r\nc: 'd'\r\n", "c.yaml");
    EXPECT_EQ(values(document), "a=b\nc=d\n");
    EXPECT_EQ(document.source_line(document.root().find("a")->place), "a: b");
}

TEST(Document, SchemaLineIsReadFirst) {
    const auto read = [](const std::string& text) {
        return message_of([&] { (void)Document::parse(ConfigKind::chip, text, "c.yaml", {}, {}); });
    };
    EXPECT_EQ(read("name: x\n"),
              "c.yaml: error: the file names no schema\n"
              "  hint: begin the file with 'schema: perfwatt/chip/v1'\n");
    EXPECT_EQ(read("schema: perfwatt/memory/v1\n"),
              "c.yaml:1:9: error: expected a 'perfwatt/chip/v1' file, but this one is "
              "'perfwatt/memory/v1'\n"
              "  schema: perfwatt/memory/v1\n"
              "          ^\n");
}

TEST(Document, AnnotationsReachThePlainValuesBelow) {
    const Document document = parse(
        "a:\n  estimated: like b\n  x: 1\n  y: {value: 2, source: paper}\n  z: [3, {w: 4}]\nb: "
        "5\n");
    const ConfigNode* a = document.root().find("a");
    EXPECT_EQ(a->find("x")->status, Status::estimated);
    EXPECT_EQ(a->find("x")->note, "like b");
    EXPECT_EQ(a->find("y")->find("value")->status, Status::published);
    EXPECT_EQ(a->find("z")->items[1].find("w")->status, Status::estimated);
    EXPECT_EQ(document.root().find("b")->status, Status::plain);
}

TEST(Document, AnnotationsExcludeEachOther) {
    EXPECT_EQ(mistakes("a: {value: 1, source: p, fitted: q}\n"),
              "c.yaml:2:26: error: both 'source' and 'fitted' are given\n"
              "  a: {value: 1, source: p, fitted: q}\n"
              "                           ^\n"
              "  hint: a value is published, estimated or fitted\n");
    EXPECT_EQ(mistakes("a: {value: 1, source: 2021}\n"),
              "c.yaml:2:23: error: 'source' must be text, not '2021'\n"
              "  a: {value: 1, source: 2021}\n"
              "                        ^\n"
              "  hint: write \"2021\"\n");
    EXPECT_EQ(mistakes("a: {value: 1, source: [p]}\n"),
              "c.yaml:2:23: error: 'source' must be text, not a list\n"
              "  a: {value: 1, source: [p]}\n"
              "                        ^\n");
}

TEST(Set, ReplacesByPathIndexAndName) {
    const std::string body = "a: {b: 1, c: 2}\nl: [{name: x, v: 1}, {name: y, v: 2}]\n";
    EXPECT_EQ(values(parse(body, {"a.b=7", "l.y.v=8", "l.0.v=9"})),
              "a.b=7\na.c=2\nl[0].name=x\nl[0].v=9\nl[1].name=y\nl[1].v=8\n");
    EXPECT_EQ(values(parse("a: 1\n", {"a=[3, x]", "b.c='q r'"})), "a[0]=3\na[1]=x\nb.c=q r\n");
    EXPECT_EQ(values(parse("a: 1\n", {"a=2=3"})), "a=2=3\n");
}

TEST(Set, MistakesNameTheOverride) {
    EXPECT_EQ(mistakes("a: 1\n", {"a"}), "--set 'a': error: expected path.to.key=value\n");
    EXPECT_EQ(mistakes("a: 1\n", {"a..b=1"}),
              "--set 'a..b=1': error: expected path.to.key=value\n");
    EXPECT_EQ(mistakes("a: 1\n", {"a.b=1"}), "--set 'a.b=1': error: '1' has no key 'b'\n");
    EXPECT_EQ(mistakes("a: [{name: x}]\n", {"a.y=1"}),
              "--set 'a.y=1': error: the list has no element 'y'\n  hint: it has: x\n");
    EXPECT_EQ(mistakes("a: [1, 2]\n", {"a.2=1"}),
              "--set 'a.2=1': error: the list has no element '2'\n"
              "  hint: it has the elements 0 to 1\n");
    EXPECT_EQ(mistakes("a: []\n", {"a.0=1"}),
              "--set 'a.0=1': error: the list has no element '0'\n  hint: the list is empty\n");
    EXPECT_EQ(mistakes("a: 1\n", {"schema=x"}),
              "--set 'schema=x': error: 'schema' cannot be set\n");
    EXPECT_EQ(mistakes("a: 1\n", {"a=[1"}).substr(0, 42),
              "--set 'a=[1': error: this is not YAML: end");
}

TEST(Extends, MapsMergeListsReplaceAndTheChildWins) {
    const Folder folder("extends");
    folder.write("base.yaml", std::string(kHead) + "a: {b: 1, c: 2}\nl: [1, 2, 3]\nz: 0\n");
    const std::string child =
        folder.write("child.yaml", std::string(kHead) + "extends: base\na: {b: 9}\nl: [4]\nn: 5\n");
    const Document document = Document::load(ConfigKind::chip, child);
    EXPECT_EQ(values(document), "a.b=9\na.c=2\nl[0]=4\nz=0\nn=5\n");
    EXPECT_EQ(document.root().find("a")->find("b")->origin, Origin::file);
    EXPECT_EQ(document.root().find("a")->find("c")->origin, Origin::parent);
    EXPECT_EQ(document.root().find("a")->find("c")->place.file, folder.path("base.yaml"));
    EXPECT_EQ(document.files().size(), 2U);
}

TEST(Extends, AValueLeavesItsParentsSourceBehind) {
    const Folder folder("source");
    folder.write("base.yaml",
                 std::string(kHead) + "a: {value: 1, source: paper}\nb: {source: p, x: 1, y: 2}\n");
    const std::string child = folder.write(
        "child.yaml",
        std::string(kHead) + "extends: base.yaml\na: {value: 2, estimated: guess}\nb: {x: 3}\n");
    const Document document = Document::load(ConfigKind::chip, child);
    const ConfigNode& root = document.root();
    EXPECT_EQ(root.find("a")->find("source"), nullptr);
    EXPECT_EQ(root.find("a")->find("value")->note, "guess");
    EXPECT_EQ(root.find("b")->find("x")->status, Status::plain);
    EXPECT_EQ(root.find("b")->find("y")->note, "p");
}

TEST(Extends, CyclesAndLongChainsAreRefused) {
    const Folder folder("cycle");
    const std::string a = folder.write("a.yaml", std::string(kHead) + "extends: b\n");
    folder.write("b.yaml", std::string(kHead) + "extends: a\n");
    EXPECT_EQ(folder.without_path(message_of([&] { (void)Document::load(ConfigKind::chip, a); })),
              "b.yaml:2:10: error: 'a' extends itself\n"
              "  extends: a\n"
              "           ^\n"
              "  hint: a.yaml > b.yaml > a.yaml\n");
    for (int i = 0; i < 5; ++i)
        folder.write("p" + std::to_string(i) + ".yaml",
                     std::string(kHead) + "extends: p" + std::to_string(i + 1) + "\n");
    folder.write("p5.yaml", std::string(kHead) + "x: 1\n");
    EXPECT_EQ(folder.without_path(message_of(
                  [&] { (void)Document::load(ConfigKind::chip, folder.path("p0.yaml")); })),
              "p4.yaml:2:10: error: more than 4 parents, one of another\n"
              "  extends: p5\n"
              "           ^\n"
              "  hint: p0.yaml > p1.yaml > p2.yaml > p3.yaml > p4.yaml > p5.yaml\n");
    EXPECT_EQ(values(Document::load(ConfigKind::chip, folder.path("p1.yaml"))), "x=1\n");
}

TEST(Extends, AMissingParentIsNamed) {
    const Folder folder("missing");
    folder.write("base_chip.yaml", kHead);
    const std::string child =
        folder.write("chips/child.yaml", std::string(kHead) + "extends: child2\n");
    const ConfigPath path({folder.path()});
    EXPECT_EQ(folder.without_path(
                  message_of([&] { (void)Document::load(ConfigKind::chip, child, path); })),
              "chips/child.yaml:2:10: error: there is no chip 'child2'\n"
              "  extends: child2\n"
              "           ^\n"
              "  hint: did you mean 'child'?\n");
}

TEST(Load, FoldersAndMissingFilesAreRefused) {
    const Folder folder("load");
    const auto load = [&](const std::string& name) {
        return folder.without_path(
            message_of([&] { (void)Document::load(ConfigKind::chip, folder.path(name)); }));
    };
    folder.write("sub/x.yaml", "");
    EXPECT_EQ(load("sub"), "error: 'sub' is a folder, not a file\n");
    EXPECT_EQ(load("nothing.yaml"), "error: there is no file 'nothing.yaml'\n");
    EXPECT_EQ(load("sub/x.yaml"), "sub/x.yaml: error: the file is empty\n");
}

TEST(KindOf, ReadsTheSchemaLine) {
    const Folder folder("kind");
    EXPECT_EQ(Document::kind_of(folder.write("s.yaml", "schema: perfwatt/system/v1\n")),
              ConfigKind::system);
    EXPECT_EQ(folder.without_path(message_of([&] {
        (void)Document::kind_of(folder.write("x", "schema: perfwatt/chip/v2\n"));
    })),
              "x:1:9: error: unknown schema 'perfwatt/chip/v2'\n"
              "  schema: perfwatt/chip/v2\n"
              "          ^\n"
              "  hint: did you mean 'perfwatt/chip/v1'?\n");
}

}  // namespace
}  // namespace perfwatt
