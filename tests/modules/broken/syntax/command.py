def process(:
