use super::over_claims;

#[test]
fn strings() {
    over_claims(&[
        ("claims.unicode.charAt(1) == 'ñ' && claims.unicode.charAt(3) == '💡' && 'abc'.charAt(3) == ''", "= true"),
        ("'abc'.charAt(4)", "? out of range"),
        ("claims.unicode.size() == 4 && size('') == 0", "= true"),
        ("claims.unicode.indexOf('b') == 2 && 'abcb'.indexOf('b', 2) == 3 && 'abc'.indexOf('x') == -1", "= true"),
        ("'abcb'.lastIndexOf('b') == 3 && 'abcb'.lastIndexOf('b', 2) == 1 && 'abc'.lastIndexOf('x') == -1", "= true"),
        ("'💡💡'.lastIndexOf('x', 1) == -1 && '💡💡'.lastIndexOf('💡', 1) == 1", "= true"),
        ("'abc'.indexOf('a', 9)", "? out of range"),
        ("['a', 'b'].join() + ['a', 'b'].join('-') + claims.groups.join('')", r#"= "aba-babcb""#),
        ("claims.mixed.join(',')", "? no such overload"),
        ("'AbÑ'.lowerAscii() + 'abñ'.upperAscii()", r#"= "abÑABñ""#),
        ("'hello hello'.replace('he', 'we')", r#"= "wello wello""#),
        ("'hello hello'.replace('he', 'we', 1)", r#"= "wello hello""#),
        ("'ab'.replace('', '-')", r#"= "-a-b-""#),
        ("'a,b,c'.split(',', 2)", r#"= ["a", "b,c"]"#),
        ("'a,b,c'.split(',', 0)", "= []"),
        ("'aé'.split('')", r#"= ["a", "é"]"#),
        ("''.split(',')", r#"= [""]"#),
        ("claims.unicode.substring(1, 3) + 'abc'.substring(1) + 'abc'.substring(3)", r#"= "ñbbc""#),
        ("'abc'.substring(2, 1)", "? out of range"),
        ("'abc'.substring(-1)", "? out of range"),
        ("'  a b\\n'.trim()", r#"= "a b""#),
        ("strings.quote('a\"\\n')", r#"= "\"a\\\"\\n\"""#),
        ("'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('c')", "= true"),
        ("'abc'.reverse()", "! no matching overload"),
        ("'%s is %d, %.2f, %s'.format(['x', 1, 1.005, [1, 2]])", r#"= "x is 1, 1.00, [1, 2]""#),
        ("'%x %X %o %b %e %% %s'.format([255, 'hi', 8, 5, 1234.5, null])", r#"= "ff 6869 10 101 1.234500e+03 % null""#),
        ("'%s'.format([claims.groups])", r#"= "[a, b, c, b]""#),
        ("'%s'.format([])", "? fewer values"),
        ("'%d'.format(['x'])", "? no such value for %d"),
        ("'%q'.format(['x'])", "? not known"),
    ]);
}

#[test]
fn lists_and_sets() {
    over_claims(&[
        ("sets.contains(claims.groups, ['a', 'b'])", "= true"),
        ("sets.contains(['a'], ['a', 'b'])", "= false"),
        ("sets.equivalent(['a', 'b', 'b'], ['b', 'a'])", "= true"),
        ("sets.intersects(claims.aud, ['y', 'z'])", "= true"),
        ("sets.intersects(claims.aud, [])", "= false"),
        ("[1, 2, 2].isSorted() && !['b', 'a'].isSorted() && claims.aud.isSorted()", "= true"),
        (
            "[1, 2].sum() == 3 && claims.numbers.sum() == 6.0 && [duration('1s'), duration('2s')].sum() == duration('3s')",
            "= true",
        ),
        ("[3, 1, 2].min() == 1 && claims.numbers.max() == 3.0", "= true"),
        ("[].min() == 1", "? empty list"),
        ("claims.groups.indexOf('b') == 1 && claims.groups.lastIndexOf('b') == 3 && [1].indexOf(2) == -1", "= true"),
        ("['a', 'b', 'c'].slice(1, 3)", r#"= ["b", "c"]"#),
        ("['a'].slice(1, 0)", "? bounds"),
        ("['a'].slice(0, 2)", "? bounds"),
        ("[['a'], ['b']].flatten()", r#"= ["a", "b"]"#),
        ("[[['a']], [['b']]].flatten(2)", r#"= ["a", "b"]"#),
        ("[[['a']]].flatten() == [['a']]", "= true"),
        ("['b', 'a'].sort() + ['b', 'a', 'b'].distinct()", r#"= ["a", "b", "b", "a"]"#),
        ("claims.mixed.sort()", "? order"),
        ("['a', 'b'].reverse()", r#"= ["b", "a"]"#),
        ("lists.range(3) == [0, 1, 2]", "= true"),
        ("['a', 'b'].first().value() + ['a', 'b'].last().value()", r#"= "ab""#),
        ("[].first().hasValue()", "= false"),
    ]);
}

#[test]
fn regular_expressions_and_urls() {
    over_claims(&[
        ("claims.email.matches('^[a-z]+@example[.]com$') && matches('abc', 'b')", "= true"),
        (r#""abc 123 456".find('[0-9]+')"#, r#"= "123""#),
        (r#""abc".find('[0-9]+')"#, r#"= """#),
        (r#""abc 123 456".findAll('[0-9]+')"#, r#"= ["123", "456"]"#),
        (r#""abc 123 456".findAll('[0-9]+', 1)"#, r#"= ["123"]"#),
        ("'a'.matches(claims.sub + '(')", "? regular expression"),
        ("'x'.matches('x{1000}{1000}')", "! too large"),
        ("'x'.matches('(')", "! invalid matches argument"),
        ("isURL('https://a.example:80/x') && isURL('/path') && !isURL('path') && !isURL('a b:c')", "= true"),
        ("isURL(claims.iss) && !isURL('') && !isURL('../x') && !isURL('https://a:b/')", "= true"),
        ("url('https://user@A.example:8443/a b/%20?k=1&k=2&x=%41+b#f').getScheme()", r#"= "https""#),
        ("url('https://user@A.example:8443/').getHost()", r#"= "A.example:8443""#),
        ("url('https://A.example:8443/').getHostname()", r#"= "A.example""#),
        ("url('https://[::1]:80/').getHostname() + url('https://[::1]:80/').getPort()", r#"= "::180""#),
        ("url('https://a/').getPort()", r#"= """#),
        ("url('https://a/x y/%20').getEscapedPath()", r#"= "/x%20y/%20""#),
        ("url('https://a/?k=1&k=2&x=%41+b').getQuery()['k']", r#"= ["1", "2"]"#),
        ("url('https://a/?k=1&k=2&x=%41+b').getQuery()['x']", r#"= ["A b"]"#),
        ("url(claims.sub).getHost()", "? URL parse error"),
    ]);
}

#[test]
fn addresses() {
    over_claims(&[
        (
            "isIP('10.0.0.1') && isIP('::1') && !isIP('10.0.0.01') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')",
            "= true",
        ),
        ("ip('10.0.0.1').family() == 4 && ip('::1').family() == 6", "= true"),
        ("ip('127.0.0.1').isLoopback() && ip('::').isUnspecified() && ip('fe80::1').isLinkLocalUnicast()", "= true"),
        (
            "ip('224.0.0.1').isLinkLocalMulticast() && ip('8.8.8.8').isGlobalUnicast() && !ip('::1').isGlobalUnicast()",
            "= true",
        ),
        ("ip.isCanonical('::1') && !ip.isCanonical('0:0:0:0:0:0:0:1')", "= true"),
        ("ip('::1') == ip('0:0:0:0:0:0:0:1') && string(ip('0:0::1')) == '::1'", "= true"),
        ("ip(claims.sub)", "? parse error"),
        ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))", "= true"),
        (
            "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
            "= true",
        ),
        ("cidr('0.0.0.0/0').containsIP('1.2.3.4') && !cidr('0.0.0.0/0').containsIP('::1')", "= true"),
        ("cidr('::/0').containsIP('::1') && cidr('2001:db8::/32').containsIP('2001:db8::1')", "= true"),
        ("string(cidr('10.1.2.3/8').masked()) == '10.0.0.0/8' && cidr('10.1.2.3/8').prefixLength() == 8", "= true"),
        (
            "cidr('10.1.2.3/8').ip() == ip('10.1.2.3') && isCIDR('::/64') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0')",
            "= true",
        ),
    ]);
}

#[test]
fn quantities_versions_and_formats() {
    over_claims(&[
        ("quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1.5k') == quantity('1500')", "= true"),
        (
            "quantity('200m').asApproximateFloat() == 0.2 && !quantity('200m').isInteger() && quantity('2').isInteger()",
            "= true",
        ),
        ("quantity('1').add(quantity('2')).sub(1).asInteger() == 2 && quantity('-1').sign() == -1", "= true"),
        ("quantity('1').compareTo(quantity('2')) == -1 && quantity('1e3') == quantity('1k')", "= true"),
        ("isQuantity('1.5Gi') && !isQuantity('1.5X') && !isQuantity('') && !isQuantity('1.2.3')", "= true"),
        ("quantity('200m').asInteger()", "? integer"),
        ("quantity('x')", "? parse error"),
        ("quantity('9E').add(quantity('9E'))", "? overflow"),
        ("semver('1.2.3').major() == 1 && semver('1.2.3').minor() == 2 && semver('1.2.3').patch() == 3", "= true"),
        (
            "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').compareTo(semver('1.0.0')) == -1",
            "= true",
        ),
        (
            "semver('1.0.0-alpha.1').isLessThan(semver('1.0.0-alpha.beta')) && semver('1.0.0+a') == semver('1.0.0+b')",
            "= true",
        ),
        (
            "isSemver('1.2.3') && !isSemver('v1.2') && isSemver('v1.2', true) && semver('v01.2', true) == semver('1.2.0')",
            "= true",
        ),
        ("semver('1.2')", "? parse error"),
        ("format.named('dns1123Label').value().validate('abc').hasValue()", "= false"),
        ("format.dns1123Label().validate('Abc').value().size() == 1", "= true"),
        ("format.named('other').hasValue()", "= false"),
        (
            "['dns1123Subdomain', 'qualifiedName', 'labelValue', 'uuid', 'uri', 'byte', 'date', 'datetime'].all(name, \
            format.named(name).value().validate({'dns1123Subdomain': 'a.b-c', 'qualifiedName': 'example.com/A_b', 'labelValue': '', \
            'uuid': '123e4567-e89b-12d3-a456-426614174000', 'uri': 'https://x', 'byte': 'aGk=', 'date': '2024-02-29', \
            'datetime': '2024-02-29T00:00:00Z'}[name]) == optional.none())",
            "= true",
        ),
        (
            "['dns1123Label', 'dns1123Subdomain', 'dns1035Label', 'dns1123LabelPrefix', 'qualifiedName', 'labelValue', 'uuid', 'uri', \
            'byte', 'date', 'datetime'].all(name, format.named(name).value().validate('-_?-').hasValue())",
            "= true",
        ),
        (
            "format.dns1035LabelPrefix().validate('a-').hasValue() || format.dns1123LabelPrefix().validate('1-').hasValue()",
            "= false",
        ),
    ]);
}
